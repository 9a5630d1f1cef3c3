import 'reflect-metadata';
import type {
  Account,
  ErrorAnswer,
  LoginAnswer,
  LogEvent,
  OperatorView,
  RecoveryCodes,
  SecondFactorOffer,
} from '@consilium/shared';
import { Secret, TOTP } from 'otpauth';
import request from 'supertest';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OPERATOR, TestServer } from '../testing/test-server.js';
import { OperatorEntity } from './operator.entity.js';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

interface Person {
  name: string;
  password: string;
  code?: string;
}

const api = (path: string) => `/api/v1${path}`;
const login = (body: Person) => request(server.url).post(api('/login')).send(body);
const codeOf = (answer: { body: unknown }): string => (answer.body as ErrorAnswer).code;

/** Asks as whoever has this token. */
const as = (token: string) => ({
  get: (path: string) => request(server.url).get(api(path)).auth(token, { type: 'bearer' }),
  post: (path: string, body: object = {}) =>
    request(server.url).post(api(path)).auth(token, { type: 'bearer' }).send(body),
});

async function loggedIn(person: Person) {
  return as(((await login(person).expect(200)).body as LoginAnswer).token);
}

async function added(name: string, role = 'viewer'): Promise<Person> {
  return (await server.post('/operators', { name, role }).expect(201)).body as Person;
}

async function idOf(name: string): Promise<string> {
  return ((await server.get('/operators')).body as OperatorView[]).find((one) => one.name === name)!.id;
}

async function told(type: LogEvent['type']): Promise<LogEvent[]> {
  const page = (await server.get('/log/entries?limit=200')).body as { entries: { event: LogEvent }[] };
  return page.entries.map(({ event }) => event).filter((event) => event.type === type);
}

describe('accounts', () => {
  it('are made, changed and removed by an owner, and every step stands in the log', async () => {
    const drawn = await added('mia');
    expect(codeOf(await server.post('/operators', { name: 'mia', role: 'viewer' }))).toBe('conflict');
    const mia = await loggedIn(drawn);
    expect((await mia.get('/account')).body).toEqual({
      name: 'mia',
      role: 'viewer',
      secondFactor: false,
      recoveryCodes: 0,
    });
    expect((await mia.post('/enrolment-codes', { name: 'x' })).status).toBe(403);
    const id = await idOf('mia');
    await server.post(`/operators/${id}/role`, { role: 'operator' }).expect(200);
    // In the session that is open already.
    expect((await mia.post('/enrolment-codes', { name: 'of-mia' })).status).toBe(201);
    const reset = (await server.post(`/operators/${id}/reset`).expect(200)).body as Person;
    expect((await mia.get('/account')).status).toBe(401);
    expect((await login(drawn)).status).toBe(401);
    const again = await loggedIn(reset);
    await server.post(`/operators/${id}/remove`).expect(204);
    expect((await again.get('/account')).status).toBe(401);
    expect((await login(reset)).status).toBe(401);
    for (const type of ['operator-role-changed', 'operator-removed'] as const)
      expect(await told(type)).toMatchObject([{ operator: 'mia', actor: { kind: 'operator', name: OPERATOR.name } }]);
  });

  it('keep an owner', async () => {
    const id = await idOf(OPERATOR.name);
    for (const [path, body] of [
      ['remove', {}],
      ['role', { role: 'viewer' }],
    ] as const) {
      const answer = await server.post(`/operators/${id}/${path}`, body);
      expect([answer.status, (answer.body as ErrorAnswer).message]).toEqual([
        409,
        'operator is the only owner; make somebody else one first.',
      ]);
    }
  });

  it('change their own password, which ends their other sessions', async () => {
    const drawn = await added('noa');
    const [here, elsewhere] = [await loggedIn(drawn), await loggedIn(drawn)];
    const next = 'a longer password';
    expect((await here.post('/account/password', { password: 'wrong', next })).status).toBe(400);
    expect((await here.post('/account/password', { password: drawn.password, next: 'short' })).status).toBe(400);
    await here.post('/account/password', { password: drawn.password, next }).expect(204);
    expect((await here.get('/account')).status).toBe(200);
    expect((await elsewhere.get('/account')).status).toBe(401);
    await loggedIn({ name: 'noa', password: next });
  });
});

describe('a second factor', () => {
  let drawn: Person;
  let person: Awaited<ReturnType<typeof loggedIn>>;
  let app: TOTP;
  let recovery: string[];
  let name = '';
  const code = (secondsFromNow = 0): string =>
    app.generate({ timestamp: server.clock.now().getTime() + secondsFromNow * 1000 });

  beforeEach(async () => {
    server.clock.offset = 0;
    name = `factor ${Math.random()}`;
    drawn = await added(name);
    person = await loggedIn(drawn);
    const offer = (await person.post('/account/second-factor').expect(200)).body as SecondFactorOffer;
    expect(offer.uri).toMatch(/^otpauth:\/\/totp\/Consilium:.*secret=[A-Z2-7]{32}&/);
    app = new TOTP({ secret: Secret.fromBase32(offer.secret) });
    // Not in force yet: whoever could not scan it can still log in.
    await loggedIn(drawn);
    expect((await person.post('/account/second-factor/confirm', { code: '000000' })).status).toBe(400);
    const confirmed = await person.post('/account/second-factor/confirm', { code: code() }).expect(200);
    recovery = (confirmed.body as RecoveryCodes).recoveryCodes;
  });

  it('is asked for after the password, takes each code once, and is sealed in the database', async () => {
    expect(codeOf(await login({ name, password: 'wrong' }))).toBe('login-refused');
    expect(codeOf(await login(drawn))).toBe('code-needed');
    expect(codeOf(await login({ ...drawn, code: '123456' }))).toBe('login-refused');
    // The code that confirmed it has been used.
    expect(codeOf(await login({ ...drawn, code: code() }))).toBe('login-refused');
    const next = code(30);
    await loggedIn({ ...drawn, code: `${next.slice(0, 3)} ${next.slice(3)}` });
    expect(codeOf(await login({ ...drawn, code: next }))).toBe('login-refused');
    const row = await server.running.app.get(DataSource).getRepository(OperatorEntity).findOneByOrFail({ name });
    expect(row.totpSecret).not.toContain(app.secret.base32);
    expect((await told('operator-logged-in')).at(-1)).toMatchObject({ actor: { name }, method: 'password+totp' });
  });

  it('gives way to a recovery code, once', async () => {
    expect(recovery).toHaveLength(8);
    const again = await loggedIn({ ...drawn, code: recovery[3].toLowerCase() });
    expect(codeOf(await login({ ...drawn, code: recovery[3] }))).toBe('login-refused');
    expect(((await again.get('/account')).body as Account).recoveryCodes).toBe(7);
  });

  it('is removed with one of its codes only, or by an owner’s reset', async () => {
    expect((await person.post('/account/second-factor')).status).toBe(409);
    expect((await person.post('/account/second-factor/remove', { code: '000000' })).status).toBe(400);
    await person.post('/account/second-factor/remove', { code: code(30) }).expect(204);
    await loggedIn(drawn);
    const { secret } = (await person.post('/account/second-factor').expect(200)).body as SecondFactorOffer;
    app = new TOTP({ secret: Secret.fromBase32(secret) });
    await person.post('/account/second-factor/confirm', { code: code() }).expect(200);
    await loggedIn((await server.post(`/operators/${await idOf(name)}/reset`).expect(200)).body as Person);
  });

  it('is not tried out: after five wrong codes nobody is listened to for a while', async () => {
    for (let i = 0; i < 5; i++) expect(codeOf(await login({ ...drawn, code: '123456' }))).toBe('login-refused');
    const refused = await login({ ...drawn, code: code(30) });
    expect(codeOf(refused)).toBe('too-many-attempts');
    expect((refused.body as ErrorAnswer).message).toContain(
      '5 wrong codes in a row; the next one is looked at in 15 min',
    );
    server.clock.advance(15 * 60);
    await loggedIn({ ...drawn, code: code() });
  });
});
