import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lenientGate } from '../../egress/gate.fixture.js';
import { BlobCache } from './blob-cache.js';
import { Route } from './route.js';

const CONTENT = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251));
const DIGEST = createHash('sha256').update(CONTENT).digest('hex');
const blob = { digest: DIGEST, bytes: CONTENT.length };

let folder: string;
let server: Server;
let ranges: (string | undefined)[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let cache: BlobCache;

function sendFrom(request: IncomingMessage, response: ServerResponse, content = CONTENT): void {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
  response.end(content.subarray(from));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-blobs-'));
  ranges = [];
  answer = sendFrom;
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cache = new BlobCache(folder, {
    server: url,
    route: new Route(url, lenientGate()),
    prove: () => Promise.resolve({ authorization: 'Bearer token' }),
  });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a blob is fetched once, and then comes from the cache', async () => {
  const path = await cache.fetch(blob);
  expect(readFileSync(path).equals(CONTENT)).toBe(true);
  await cache.fetch(blob);
  expect(ranges).toEqual([undefined]);
});

/** Promises everything and breaks off after some bytes. */
function breakAfter(bytes: number) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, bytes));
    setTimeout(() => response.destroy(), 100);
    answer = sendFrom;
  };
}

test('a download that breaks off after a good part goes on at once from where it stopped', async () => {
  answer = breakAfter(70_000);
  const path = await cache.fetch(blob);
  expect(ranges).toEqual([undefined, 'bytes=70000-']);
  expect(readFileSync(path).equals(CONTENT)).toBe(true);
});

test('a download that breaks off early is given up, and the next one goes on from there', async () => {
  answer = breakAfter(1000);
  await expect(cache.fetch(blob)).rejects.toMatchObject({ kind: 'server-unreachable' });
  const path = await cache.fetch(blob);
  expect(ranges).toEqual([undefined, 'bytes=1000-']);
  expect(readFileSync(path).equals(CONTENT)).toBe(true);
});

test('a server that ignores the range is taken from the start', async () => {
  writeFileSync(`${cache.path(DIGEST)}.part`, CONTENT.subarray(0, 1000));
  answer = (_, response) => response.end(CONTENT);
  expect(readFileSync(await cache.fetch(blob)).equals(CONTENT)).toBe(true);
});

test('bytes of another digest are thrown away', async () => {
  const other = Buffer.from(CONTENT).fill(7, 0, 10);
  answer = (request, response) => sendFrom(request, response, other);
  await expect(cache.fetch(blob)).rejects.toThrow(/expected its SHA-256, got/);
  expect(existsSync(`${cache.path(DIGEST)}.part`)).toBe(false);
  answer = sendFrom;
  expect(readFileSync(await cache.fetch(blob)).equals(CONTENT)).toBe(true);
});

test('more bytes than were promised are not taken', async () => {
  answer = (_, response) => response.end(Buffer.concat([CONTENT, CONTENT]));
  await expect(cache.fetch(blob)).rejects.toThrow(/got more/);
});

test('a silent connection is given up', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 10));
  };
  await expect(cache.fetch(blob, { stallMilliseconds: 200 })).rejects.toThrow(/did not answer in time/);
});

test('a refusal is the server’s sentence, and an abort is the caller’s reason', async () => {
  answer = (_, response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ statusCode: 404, code: 'not-found', message: 'no such blob' }));
  };
  await expect(cache.fetch(blob)).rejects.toMatchObject({
    kind: 'refused',
    message: 'the server refused: no such blob',
  });
  const abort = new AbortController();
  answer = () => abort.abort(new Error('enough'));
  await expect(cache.fetch(blob, { signal: abort.signal })).rejects.toThrow('enough');
});

test('only the blobs used last are kept', async () => {
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), name);
  await cache.fetch(blob);
  await cache.prune(1);
  expect(existsSync(cache.path(DIGEST))).toBe(true);
  expect(existsSync(join(folder, 'a'))).toBe(false);
});
