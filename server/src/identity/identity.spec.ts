import 'reflect-metadata';
import {
  CONTROL_LINE,
  PROTOCOL_VERSION,
  type EnrolmentCode,
  type ErrorAnswer,
  type ProvenRequest,
  type SiteView,
} from '@consilium/shared';
import { exportJWK, generateKeyPair } from 'jose';
import request from 'supertest';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LightSite } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, OPERATOR, TestServer } from '../testing/test-server.js';
import { SiteProofEntity } from './site-proof.entity.js';
import { TokensService } from './tokens.service.js';

const ASSIGNMENT = { method: 'GET', path: '/api/v1/site/assignment' };

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

const errorOf = (answer: { status: number; body: unknown }): [number, string] => [
  answer.status,
  (answer.body as ErrorAnswer).code,
];
const newKey = async () => exportJWK((await generateKeyPair('EdDSA', { extractable: true })).publicKey);
const enrol = (code: string, publicKey: unknown) =>
  request(server.url).post('/api/v1/enrol').send({ code, publicKey, software: 'test 0' });
const newCode = async (name: string) =>
  (await server.post('/enrolment-codes', { name }).expect(201)).body as EnrolmentCode;

describe('routes', () => {
  it('are closed to those whom they are not for', async () => {
    const site = await FakeSite.enrol(server, 'borders');
    expect(errorOf(await request(server.url).get('/api/v1/sites'))).toEqual([401, 'unauthenticated']);
    expect(errorOf(await site.get('/sites'))).toEqual([403, 'forbidden']);
    expect(errorOf(await server.get('/site/assignment'))).toEqual([403, 'forbidden']);
    expect(errorOf(await request(server.url).get('/api/v1/nothing'))).toEqual([404, 'not-found']);
    const broken = request(server.url).post('/api/v1/login').set('Content-Type', 'application/json').send('{"name":');
    expect(errorOf(await broken)).toEqual([400, 'invalid-request']);
  });
});

describe('operators', () => {
  it('log in with their password only', async () => {
    const login = (body: object) => request(server.url).post('/api/v1/login').send(body);
    expect((await login(OPERATOR)).status).toBe(200);
    expect(errorOf(await login({ ...OPERATOR, password: 'wrong' }))).toEqual([401, 'login-refused']);
    expect(errorOf(await login({ name: 'nobody', password: 'wrong' }))).toEqual([401, 'login-refused']);
  });
});

describe('enrolment', () => {
  it('takes a code once, and the same code with the same key again', async () => {
    const { code } = await newCode('hospital-a');
    const publicKey = await newKey();
    const first = await enrol(code.toLowerCase().replaceAll('-', ' '), publicKey);
    expect(first.status).toBe(201);
    expect((await enrol(code, publicKey)).body).toEqual(first.body);
    expect(errorOf(await enrol(code, await newKey()))).toEqual([403, 'code-used']);
    expect(errorOf(await enrol('AAAA-BBBB-CCCC-DDDD', publicKey))).toEqual([403, 'code-unknown']);
    expect(errorOf(await server.post('/enrolment-codes', { name: 'hospital-a' }))).toEqual([409, 'conflict']);
    expect(errorOf(await enrol((await newCode('hospital-b')).code, publicKey))).toEqual([409, 'conflict']);
  });

  it('waits for the approval of the key whose fingerprint was read out, and may ask for nothing else', async () => {
    const { enrolled, key, fingerprint } = await LightSite.register(server, (await newCode('waiting')).code);
    const site = new LightSite(server, enrolled, key, { labelled: 1, unlabelled: 0, validation: 0 }, fingerprint);
    expect((await site.get('/site/approval')).body).toEqual({ state: 'pending' });
    for (const path of ['/site/assignment', `/blobs/${'0'.repeat(64)}`]) {
      const refused = await site.get(path);
      expect(errorOf(refused)).toEqual([403, 'site-pending']);
      expect((refused.body as ErrorAnswer).message).toContain(fingerprint);
    }
    await expect(site.open()).rejects.toThrow(fingerprint);
    const approve = (given: string) => server.post(`/sites/${site.id}/approve`, { fingerprint: given });
    const { fingerprint: other } = await LightSite.register(server, (await newCode('another')).code);
    expect(errorOf(await approve(other))).toEqual([409, 'fingerprint-differs']);
    expect((await approve(fingerprint.toLowerCase().replaceAll('-', ''))).body).toMatchObject({ state: 'enrolled' });
    await approve(fingerprint).expect(200);
    expect((await site.get('/site/approval')).body).toEqual({ state: 'enrolled' });
    expect((await site.get('/site/assignment')).status).toBe(200);
  });

  it('refuses an expired code', async () => {
    const { code } = await newCode('late');
    server.clock.advance(80 * 3600);
    const refused = await enrol(code, await newKey());
    server.clock.offset = 0;
    expect(errorOf(refused)).toEqual([403, 'code-expired']);
  });
});

describe("a site's token", () => {
  it('A11 A13 A25 has to be its own, for this server, short and on time', async () => {
    const site = await FakeSite.enrol(server, 'tokens');
    const other = await FakeSite.enrol(server, 'other-tokens');
    const ask = async (changes: Parameters<FakeSite['token']>[1]) =>
      request(server.url)
        .get(ASSIGNMENT.path)
        .auth(await site.token(ASSIGNMENT, changes), { type: 'bearer' });
    expect((await ask({})).status).toBe(200);
    expect(errorOf(await ask({ kid: crypto.randomUUID() }))).toEqual([401, 'unauthenticated']);
    expect(errorOf(await ask({ kid: other.id, iss: other.id }))).toEqual([401, 'unauthenticated']);
    expect(errorOf(await ask({ aud: 'another server' }))).toEqual([401, 'unauthenticated']);
    expect(errorOf(await ask({ lifetime: 3600 }))).toEqual([401, 'unauthenticated']);
    const ahead = await ask({ skew: 600 });
    expect(errorOf(ahead)).toEqual([401, 'clock-skew']);
    expect((ahead.body as ErrorAnswer).message).toMatch(/^The token was made (599|600|601) s in the server's future/);
    expect(errorOf(await ask({ skew: -600 }))).toEqual([401, 'token-expired']);
  });

  it('A9 is good for one request only, as it was made', async () => {
    const site = await FakeSite.enrol(server, 'proofs');
    const send = async (made: ProvenRequest, token?: string) => {
      const proof = token ?? (await site.token(made));
      return { proof, answer: await request(server.url).get(ASSIGNMENT.path).auth(proof, { type: 'bearer' }) };
    };
    const { proof, answer } = await send(ASSIGNMENT);
    expect(answer.status).toBe(200);
    expect(errorOf((await send(ASSIGNMENT, proof)).answer)).toEqual([401, 'token-used']);
    const others = [
      { ...ASSIGNMENT, method: 'POST' },
      { ...ASSIGNMENT, path: `${ASSIGNMENT.path}?x=1` },
      { ...ASSIGNMENT, body: '{}' },
      CONTROL_LINE,
    ];
    for (const other of others) expect(errorOf((await send(other)).answer)).toEqual([401, 'unauthenticated']);
    await expect(site.open(proof)).rejects.toThrow('made for another request');
  });

  it('A9 names the body that it goes with', async () => {
    const site = await FakeSite.enrol(server, 'bodies');
    const path = '/api/v1/site/consents';
    const body = JSON.stringify({ jws: 'a.b.c' });
    const send = async (proven: string | undefined, sent: string) =>
      request(server.url)
        .post(path)
        .auth(await site.token({ method: 'POST', path, body: proven }), { type: 'bearer' })
        .set('Content-Type', 'application/json')
        .send(sent);
    expect((await send(body, body)).status).not.toBe(401);
    const answer = await send(body, JSON.stringify({ jws: 'a.b.d' }));
    expect(errorOf(answer)).toEqual([401, 'unauthenticated']);
    expect((answer.body as ErrorAnswer).message).toContain('another body');
    expect(errorOf(await send(undefined, body))).toEqual([401, 'unauthenticated']);
  });

  it('is forgotten once it would be refused for its age anyway', async () => {
    const site = await FakeSite.enrol(server, 'forgetful');
    const kept = () => server.running.app.get(DataSource).getRepository(SiteProofEntity).countBy({ siteId: site.id });
    await site.get('/site/assignment');
    const tokens = server.running.app.get(TokensService);
    await tokens.forgetExpired();
    expect(await kept()).toBe(1);
    server.clock.advance(91);
    await tokens.forgetExpired();
    server.clock.offset = 0;
    expect(await kept()).toBe(0);
  });

  it('ends with its revocation, on open sockets too', async () => {
    const site = await FakeSite.enrol(server, 'revoked');
    await site.connect();
    const cut = new Promise<string>((resolve) => site.socket!.once('disconnect', resolve));
    await server.post(`/sites/${site.id}/revoke`).expect(200);
    expect(await cut).toBe('io server disconnect');
    expect(errorOf(await site.get('/site/assignment'))).toEqual([401, 'site-revoked']);
    await expect(site.open()).rejects.toThrow('has been revoked');
  });
});

describe('the socket', () => {
  const viewOf = async (site: FakeSite) =>
    ((await server.get('/sites')).body as SiteView[]).find(({ id }) => id === site.id)!;

  it('A12 is refused without a token and cut when the token expires', async () => {
    const site = await FakeSite.enrol(server, 'expiring');
    await expect(site.open('')).rejects.toThrow('JSON Web Token');
    await site.connect();
    expect(await viewOf(site)).toMatchObject({ connected: true, data: site.data });
    const cut = new Promise<string>((resolve) => site.socket!.once('disconnect', resolve));
    server.clock.advance(241);
    expect(await cut).toBe('io server disconnect');
    await eventually('the site to be gone', async () => {
      server.clock.advance(20);
      return !(await viewOf(site)).connected;
    });
    server.clock.offset = 0;
  });

  it('A15 A24 answers another protocol version, and nonsense, with a sentence that repeats nothing', async () => {
    const site = await FakeSite.enrol(server, 'nonsense');
    const socket = await site.open();
    const hello = { protocolVersion: PROTOCOL_VERSION + 1, software: 'x', engine: 'y', data: site.data };
    const versions = await socket.emitWithAck('hello', hello);
    expect(versions).toMatchObject({
      ok: false,
      sentence: expect.stringContaining(`${PROTOCOL_VERSION + 1} and this server ${PROTOCOL_VERSION}`) as string,
    });
    for (const message of [null, 5, { secret: 'patient 7' }, { ...hello, data: { labelled: NaN } }]) {
      const answer = await socket.emitWithAck('hello', message as never);
      expect(answer.ok).toBe(false);
      expect(JSON.stringify(answer)).not.toContain('patient 7');
    }
    socket.emit('progress', 'no acknowledgement' as never, 7 as never);
    expect((await viewOf(site)).connected).toBe(false);
    const cut = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.emit('progress', 'x'.repeat(100_000) as never, () => undefined);
    await cut;
  });
});
