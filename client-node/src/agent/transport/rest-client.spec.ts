import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PROTOCOL_VERSION } from '@consilium/shared';
import { lenientGate } from '../../egress/gate.fixture.js';
import { systemClock } from '../clock.js';
import { silentLog } from '../log.js';
import { Patience } from '../patience.js';
import { RequestRefused, RestClient } from './rest-client.js';
import { Route } from './route.js';

const IDLE = { offers: [], study: null, model: null, round: null, finished: false, exclusions: [], checkpoint: '' };
let server: Server;
let url: string;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const health = (skewMilliseconds = 0, protocolVersion = PROTOCOL_VERSION) => ({
  status: 'ok',
  version: '0.1.0',
  protocolVersion,
  time: new Date(Date.now() + skewMilliseconds).toISOString(),
});

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function tokens() {
  return { skewSeconds: 0, of: () => Promise.resolve('t') };
}

test('a page of another program and a failing server are unreachable', async () => {
  const rest = new RestClient(new Route(url, lenientGate()), systemClock);
  answer = (_, response) => response.end('<html>welcome</html>');
  await expect(rest.health()).rejects.toThrow(/expected the answer of a Consilium server, got HTTP 200/);
  answer = (_, response) => {
    response.writeHead(404);
    response.end('not here');
  };
  await expect(rest.health()).rejects.toThrow(/expected a Consilium server, got HTTP 404/);
  answer = (_, response) => json(response, 503, { statusCode: 503, code: 'busy', message: 'closing down' });
  await expect(rest.health()).rejects.toMatchObject({ kind: 'server-unreachable' });
});

test('an address that nobody answers is unreachable', async () => {
  server.close();
  await once(server, 'close');
  await expect(new RestClient(new Route(url, lenientGate()), systemClock).health()).rejects.toMatchObject({
    kind: 'server-unreachable',
    message: `the server ${url} cannot be reached: nothing listens there`,
  });
});

test('another protocol version is refused with both', async () => {
  answer = (_, response) => json(response, 200, health(0, 99));
  await expect(new RestClient(new Route(url, lenientGate()), systemClock).health()).rejects.toMatchObject({
    kind: 'refused',
  });
  await expect(new RestClient(new Route(url, lenientGate()), systemClock).health()).rejects.toThrow(
    `protocol ${PROTOCOL_VERSION}, the server speaks 99`,
  );
});

test('a refused token makes the node compare the clocks and ask once more', async () => {
  const own = tokens();
  answer = (request, response) => {
    if (request.url === '/api/v1/health') json(response, 200, health(600_000));
    else if (own.skewSeconds === 0) json(response, 401, { statusCode: 401, code: 'token-expired', message: 'expired' });
    else json(response, 200, IDLE);
  };
  expect(await new RestClient(new Route(url, lenientGate()), systemClock, own).assignment()).toEqual(IDLE);
  expect(own.skewSeconds).toBeGreaterThan(595);
  expect(asked).toEqual(['GET /api/v1/site/assignment', 'GET /api/v1/health', 'GET /api/v1/site/assignment']);
});

test('a revoked site is a refusal of its identity', async () => {
  answer = (request, response) => {
    if (request.url === '/api/v1/health') json(response, 200, health());
    else json(response, 401, { statusCode: 401, code: 'site-revoked', message: 'revoked by the operator' });
  };
  const error: unknown = await new RestClient(new Route(url, lenientGate()), systemClock, tokens())
    .assignment()
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(RequestRefused);
  expect((error as RequestRefused).isIdentityRefused).toBe(true);
  expect((error as RequestRefused).message).toBe('the server refused: revoked by the operator');
});

test('a server that is down is waited for, with one line at first and one each minute', async () => {
  let now = 0;
  let failures = 12;
  const lines: string[] = [];
  const note = (sentence: string): void => void lines.push(sentence);
  const patience = new Patience({
    clock: { now: () => now, sleep: (ms) => Promise.resolve(void (now += ms)) },
    log: { ...silentLog, warn: note, info: note },
    onAway: () => undefined,
    jitter: () => 0.5,
  });
  answer = (_, response) => {
    if (failures-- > 0) response.destroy();
    else json(response, 200, IDLE);
  };
  const rest = new RestClient(new Route(url, lenientGate()), systemClock, tokens());
  expect(await patience.ask(() => rest.assignment(), new AbortController().signal)).toEqual(IDLE);
  expect(now).toBeGreaterThan(120_000);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/cannot be reached: it closed the connection; waiting for it$/);
  expect(lines.at(-1)).toBe('the server is back');
});
