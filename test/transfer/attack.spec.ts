import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LoginAnswer, OperatorClient } from '@consilium/shared';
import { LinkedSite } from '../support/linked-site.js';
import { peakMemory } from '../support/peak-memory.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';
import { attack } from './attack.js';

/** 100,000 are for `npm run bench -- attack`. */
const REQUESTS = 3000;

let home: string;
let server: ServerProcess;
let operator: OperatorClient;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'consilium-attack-'));
  server = await ServerProcess.start(home);
  operator = await OperatorClient.logIn(server.url, OPERATOR);
});
afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

it(`A24 ${REQUESTS} mutated frames and requests: no crash, no 5xx, nothing of the inside shown, no growth`, async () => {
  const site = await operator.admit('odd', (code) => LinkedSite.enrol(server.url, code));
  const { token: operatorToken } = await operator.post('/login', LoginAnswer, OPERATOR);
  const against = (seed: number, requests: number) => attack({ url: server.url, site, operatorToken, seed, requests });
  const warm = await against(0, REQUESTS / 3);
  const before = await peakMemory(server.pid);
  const { statuses, wrong } = await against(1, (2 * REQUESTS) / 3);
  expect([...warm.wrong, ...wrong]).toEqual([]);
  expect(Object.keys(statuses).length).toBeGreaterThan(4);
  expect((await site.rest.health()).status).toBe('ok');
  if (before !== null) expect((await peakMemory(server.pid))! - before).toBeLessThan(80e6);
  site.close();
}, 120_000);
