import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactVerify, decodeJwt, importJWK, jwtVerify } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONTROL_LINE, digestOfBytes, type EnrolRequest, type UpdateManifest } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, type NodeHome } from '../settings/node-settings.js';
import { enrol, requireEnrolment, type EnrolOptions } from './enrolment.js';
import { SiteKey, SiteProofs } from './identity.js';
import { RequestRefused } from './transport/rest-client.js';

const SITE = '7a1f36f5-0d6c-4f5a-9d5c-0f9c1a2b3c4d';
let folder: string;
let home: NodeHome;
let asked: EnrolRequest[];
let answer: () => Promise<Awaited<ReturnType<EnrolOptions['rest']['enrol']>>>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-enrol-'));
  home = nodeHome(folder);
  asked = [];
  answer = () => Promise.resolve({ siteId: SITE, name: 'north', role: 'trainer', audience: 'here' });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function enrolHere() {
  const rest: EnrolOptions['rest'] = {
    server: 'http://server',
    health: () => Promise.resolve({} as never),
    enrol: (request) => {
      asked.push(request);
      return answer();
    },
  };
  return enrol({ home, rest, code: 'ABCD', software: 'test', now: () => 0 });
}

test('enrolment makes the key here, keeps it to its owner, and sends its public half only', async () => {
  await enrolHere();
  expect(statSync(home.key).mode & 0o777).toBe(0o600);
  expect(Object.keys(asked[0].publicKey).sort()).toEqual(['crv', 'kty', 'x']);
  const { enrolment } = await requireEnrolment(home);
  expect(enrolment).toMatchObject({ siteId: SITE, name: 'north', server: 'http://server' });
});

test('a refused code leaves nothing behind', async () => {
  answer = () => Promise.reject(new RequestRefused(403, 'code-unknown', 'no such code'));
  await expect(enrolHere()).rejects.toMatchObject({ kind: 'refused' });
  expect(existsSync(folder)).toBe(false);
});

test('after a lost answer the same key asks again', async () => {
  answer = () => Promise.reject(new NodeFailure('server-unreachable', 'away'));
  await expect(enrolHere()).rejects.toMatchObject({ kind: 'server-unreachable' });
  expect(existsSync(home.enrolment)).toBe(false);
  answer = () => Promise.resolve({ siteId: SITE, name: 'north', role: 'trainer', audience: 'here' });
  await enrolHere();
  expect(asked[1].publicKey).toEqual(asked[0].publicKey);
});

test('a home enrols once, and a node that has not is told how', async () => {
  await expect(requireEnrolment(home)).rejects.toThrow(/consilium-node enrol URL CODE/);
  await enrolHere();
  await expect(enrolHere()).rejects.toThrow(/already enrolled as north at http:\/\/server/);
});

test('proofs are short, each for one request, and dated in the server’s time', async () => {
  const key = await SiteKey.create(home.key);
  const now = 1_700_000_000_000;
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const proofs = new SiteProofs(() => Promise.resolve(key), { siteId: SITE, audience: 'here' }, clock);
  const request = { method: 'POST', path: '/api/v1/site/updates', body: '{}' };
  const first = await proofs.of(request);
  const publicKey = await importJWK(key.publicKey, 'EdDSA');
  const verified = await jwtVerify(first, publicKey, { audience: 'here', issuer: SITE, currentDate: new Date(now) });
  expect(verified.protectedHeader).toMatchObject({ alg: 'EdDSA', kid: SITE });
  expect(verified.payload.exp! - verified.payload.iat!).toBe(60);
  expect(verified.payload).toMatchObject({
    htm: 'POST',
    htu: '/api/v1/site/updates',
    body: digestOfBytes(Buffer.from('{}')),
  });
  const second = decodeJwt(await proofs.of({ method: 'GET', path: '/api/v1/site/assignment' }));
  expect(second).not.toHaveProperty('body');
  expect(second.jti).not.toBe(verified.payload.jti);
  proofs.skewSeconds = 600;
  const line = decodeJwt(await proofs.of(CONTROL_LINE));
  expect(line.iat).toBe(now / 1000 + 600);
  expect(line.exp! - line.iat!).toBeLessThanOrEqual(300);
});

test('a manifest is signed by the key that was enrolled, and the same one has the same bytes', async () => {
  const key = await SiteKey.create(home.key);
  const manifest = { siteId: SITE, labelled: 2 } as UpdateManifest;
  const jws = await key.sign(manifest);
  const loaded = (await SiteKey.load(home.key))!;
  expect(await loaded.sign(manifest)).toBe(jws);
  const { payload } = await compactVerify(jws, await importJWK(key.publicKey, 'EdDSA'));
  expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(manifest);
});
