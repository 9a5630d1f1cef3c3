import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { OperatorClient } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

const METRICS_TOKEN = 'a-token-for-metrics';
const home = mkdtempSync(join(tmpdir(), 'consilium-observed-'));
let server: ServerProcess;
let said = '';
let code: string;

/** One round of two light sites, so that there is something to see. */
beforeAll(async () => {
  server = await ServerProcess.start(home, 0, {
    onSaid: (text) => (said += text),
    logLevel: 'trace',
    environment: { CONSILIUM_METRICS_TOKEN: METRICS_TOKEN },
  });
  const operator = await OperatorClient.logIn(server.url, OPERATOR);
  ({ code } = await operator.enrolmentCode('west'));
  const place = { url: server.url, clock: { now: () => new Date() } };
  const federation = await LightFederation.enrol(operator, place, { sites: 2 });
  const study = await operator.createStudy(lightStudy('Observed', { count: 1, minimumSites: 2, quorum: 2 }));
  federation.start();
  try {
    await operator.setStudy(study.id, 'start');
    await studyEnd(operator, study.id, 60);
  } finally {
    await federation.stop();
  }
});

afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

async function scrape(token?: string): Promise<{ status: number; text: string }> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${server.url}/metrics`, { headers });
  return { status: response.status, text: await response.text() };
}

test('whoever has the token scrapes the federation and the process', async () => {
  expect((await scrape()).status).toBe(401);
  expect((await scrape('another-token-for-metrics')).status).toBe(401);
  const { status, text } = await scrape(METRICS_TOKEN);
  expect(status).toBe(200);
  expect(text).toMatch(/^consilium_rounds\{state="committed"\} 1$/m);
  expect(text).toMatch(/^consilium_contributions\{state="accepted"\} 2$/m);
  expect(text).toMatch(/^consilium_transferred_bytes\{site="light-1",direction="up"\} [1-9]\d+$/m);
  expect(text).toMatch(/^consilium_http_request_seconds_count\{method="POST",status="200"\} [1-9]/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds [\d.e-]+$/m);
  expect(text).toMatch(/^consilium_outbox_events \d+$/m);
});

test('every figure of the Grafana dashboard and of the alerts is one that the server gives', async () => {
  const { text } = await scrape(METRICS_TOKEN);
  const given = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  const folder = resolve(import.meta.dirname, '../../deploy');
  for (const file of ['grafana/consilium.json', 'prometheus/alerts.yml']) {
    const names = readFileSync(join(folder, file), 'utf8').match(/\b(?:consilium|nodejs|process)_[a-z0-9_]+/g) ?? [];
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(given, `${file}: ${name}`).toContain(name.replace(/_(bucket|sum|count)$/, ''));
  }
});

test('it is ready while its database and its blobs answer', async () => {
  const response = await fetch(`${server.url}/api/v1/health/ready`);
  expect([response.status, await response.json()]).toEqual([200, { status: 'ready' }]);
});

test('the log tells of rounds and sites, and of no secret, even at its most talkative', async () => {
  await expect.poll(() => said).toContain('"msg":"round-committed"');
  const lines = said.split('\n').filter((line) => line.startsWith('{'));
  const received = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find(({ msg }) => msg === 'update-received');
  expect(received).toMatchObject({ site: expect.stringMatching(/^light-/) as string, round: 1 });
  expect(received).toHaveProperty('roundId');
  for (const secret of [OPERATOR.password, METRICS_TOKEN, code]) expect(said).not.toContain(secret);
  // Any token or signed manifest begins like this.
  expect(said).not.toMatch(/eyJ[\w-]{8,}\./);
});
