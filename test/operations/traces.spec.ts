import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { OperatorClient, type RoundView, type StudyView } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}
interface Request {
  resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
}

const home = mkdtempSync(join(tmpdir(), 'consilium-traced-'));
const spans: Span[] = [];
let received = '';
let collector: Server;
let server: ServerProcess;
let code: string;
let token: string;
let study: StudyView;
let round: RoundView;

/** One round of two light sites, before a collector that keeps what it gets. */
beforeAll(async () => {
  collector = createServer((request, response) => {
    void json(request).then((body) => {
      received += JSON.stringify({ body, headers: request.headers });
      spans.push(...(body as Request).resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as AddressInfo;
  server = await ServerProcess.start(home, 0, {
    environment: { CONSILIUM_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces` },
  });
  const login = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(OPERATOR) };
  token = ((await (await fetch(`${server.url}/api/v1/login`, login)).json()) as { token: string }).token;
  const operator = await OperatorClient.logIn(server.url, OPERATOR);
  ({ code } = await operator.enrolmentCode('west'));
  const place = { url: server.url, clock: { now: () => new Date() } };
  const federation = await LightFederation.enrol(operator, place, { sites: 2 });
  study = await operator.createStudy(lightStudy('Traced', { count: 1, minimumSites: 2, quorum: 2 }));
  federation.start();
  try {
    await operator.setStudy(study.id, 'start');
    await studyEnd(operator, study.id, 60);
    [round] = await operator.rounds(study.id);
  } finally {
    await federation.stop();
  }
  await fetch(`${server.url}/api/v1/studies/${study.id}?token=${token}`);
  await server.stop();
});

afterAll(async () => {
  await server.stop();
  collector.closeAllConnections();
  collector.close();
  rmSync(home, { recursive: true, force: true });
});

const named = (name: string): Span[] => spans.filter((span) => span.name === name);
const attributesOf = (span: Span): Record<string, unknown> =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

test('a round is one trace: its changes of state, its aggregation, and itself', () => {
  const whole = named('round');
  expect(whole).toHaveLength(1);
  expect(whole[0].traceId).toBe(round.id.replaceAll('-', ''));
  expect(BigInt(whole[0].endTimeUnixNano)).toBeGreaterThan(BigInt(whole[0].startTimeUnixNano));
  for (const name of ['round open', 'round collecting', 'round aggregating', 'round committed', 'aggregate']) {
    expect(named(name), name).toHaveLength(1);
    const [step] = named(name);
    expect([step.traceId, step.parentSpanId], name).toEqual([whole[0].traceId, whole[0].spanId]);
    expect(attributesOf(step), name).toMatchObject({
      'consilium.study.id': study.id,
      'consilium.study.digest': study.digest,
      'consilium.round.id': round.id,
      'consilium.round.number': 1,
    });
  }
  expect(attributesOf(named('aggregate')[0])).toMatchObject({ 'consilium.updates': 2 });
});

test('a request is named by its route, with the study that it is about', () => {
  const [start] = named('POST /api/v1/studies/:id/start');
  expect(attributesOf(start)).toEqual({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'http.route': '/api/v1/studies/:id/start',
    'consilium.study.id': study.id,
  });
  expect(named('POST /api/v1/login').length).toBeGreaterThan(0);
});

test('no secret leaves with them', () => {
  for (const secret of [OPERATOR.password, code, token]) expect(received).not.toContain(secret);
  // Any token or signed manifest begins like this.
  expect(received).not.toMatch(/eyJ[\w-]{8,}\./);
  expect(received.toLowerCase()).not.toMatch(/authorization|bearer/);
});

test('OpenTelemetry is loaded for whoever wants its traces, and for nobody else', async () => {
  const dist = dirname(createRequire(import.meta.url).resolve('@consilium/server/dist/server.js'));
  const address = (file: string): string => JSON.stringify(pathToFileURL(join(dist, file)).href);
  const program = `
    import Module from 'node:module';
    await import(${address('server.js')});
    const { openTraces } = await import(${address('observability/traces.js')});
    const loaded = () => Object.keys(Module._cache).filter((path) => /@opentelemetry.(sdk|exporter|otlp)/.test(path)).length;
    await openTraces({}, console);
    const without = loaded();
    const traces = await openTraces({ tracesEndpoint: 'http://127.0.0.1:9/v1/traces' }, console);
    process.stdout.write(JSON.stringify([without, loaded() > 0]));
    await traces.close();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(JSON.parse(stdout)).toEqual([0, true]);
});
