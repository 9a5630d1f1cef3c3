import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelSettings } from '@consilium/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lenientGate } from '../../egress/gate.fixture.js';
import { systemClock } from '../clock.js';
import { RestClient } from './rest-client.js';
import { Route } from './route.js';
import { uploadBlob, type UploadRequest } from './upload.js';

const CONTENT = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * 17) % 253));
const blob = { digest: createHash('sha256').update(CONTENT).digest('hex'), bytes: CONTENT.length };

/** As much of tus 1.0 as an upload of one file needs. */
let received: Buffer;
/** The connection is cut after so many bytes of a PATCH. */
let cutAfter: number;
let bytesSent: number;
let created: number;
let forgets: boolean;
let refuses: boolean;
/** Where the server says that uploads go on; nothing is here. */
let elsewhere: string;
let folder: string;
let server: Server;
let rest: RestClient;

function handle(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Tus-Resumable', '1.0.0');
  if (refuses) {
    response.writeHead(413, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ statusCode: 413, code: 'too-large', message: 'expected at most 10 bytes' }));
  } else if (request.method === 'POST') {
    created++;
    received = Buffer.alloc(0);
    response.writeHead(201, { location: `${elsewhere}/api/v1/uploads/${created}` }).end();
  } else if (request.method === 'HEAD') {
    const headers = { 'upload-offset': received.length, 'upload-length': CONTENT.length };
    response.writeHead(forgets ? 404 : 200, forgets ? {} : headers).end();
  } else {
    request.on('data', (chunk: Buffer) => {
      bytesSent += chunk.length;
      received = Buffer.concat([received, chunk]);
      if (received.length >= cutAfter) request.socket.destroy();
    });
    request.on('end', () => response.writeHead(204, { 'upload-offset': received.length }).end());
  }
}

const file = (): string => join(folder, 'update');

async function request(): Promise<UploadRequest> {
  const upload = { file: file(), encoding: 'float32' as const, base: null, blob };
  const base = { digest: blob.digest, file: file() };
  const trained = { labelled: 2, unlabelled: 0, steps: 5 };
  const permit = await rest.route.gate.pass({
    kind: 'update',
    study: '0'.repeat(64),
    upload,
    trained,
    model: ModelSettings.parse({}),
    base,
  });
  return { permit, placeFile: join(folder, 'upload.json') };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-upload-'));
  writeFileSync(file(), CONTENT);
  [received, cutAfter, bytesSent, created, forgets, refuses] = [Buffer.alloc(0), Infinity, 0, 0, false, false];
  elsewhere = '';
  server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  rest = new RestClient(new Route(url, lenientGate()), systemClock, {
    skewSeconds: 0,
    of: () => Promise.resolve('t'),
  });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('an upload that another process began goes on from its offset', async () => {
  cutAfter = 150_000;
  const giveUp = new AbortController();
  const first = uploadBlob(rest, { ...(await request()), signal: giveUp.signal });
  setTimeout(() => giveUp.abort(new Error('killed')), 300);
  await expect(first).rejects.toThrow('killed');
  cutAfter = Infinity;
  await uploadBlob(rest, await request());
  expect(received.equals(CONTENT)).toBe(true);
  expect(created).toBe(1);
  expect(bytesSent).toBeLessThan(CONTENT.length * 1.5);
});

test('an upload that the server forgot starts again', async () => {
  const place = { digest: blob.digest, encoding: 'float32', url: `${rest.uploadUrl}/old` };
  writeFileSync(join(folder, 'upload.json'), JSON.stringify(place));
  forgets = true;
  await uploadBlob(rest, await request());
  expect(received.equals(CONTENT)).toBe(true);
  expect(created).toBe(1);
});

test('a place that belongs to another update is not used', async () => {
  writeFileSync(join(folder, 'upload.json'), JSON.stringify({ digest: 'other', url: `${rest.uploadUrl}/old` }));
  await uploadBlob(rest, await request());
  expect(created).toBe(1);
});

test('a refusal is the server’s sentence', async () => {
  refuses = true;
  await expect(uploadBlob(rest, await request())).rejects.toMatchObject({
    kind: 'refused',
    message: 'the server refused: expected at most 10 bytes',
  });
  expect(existsSync(join(folder, 'upload.json'))).toBe(false);
});

test('a server that sends an upload to another machine is not followed', async () => {
  const other = createServer(handle).listen(0, '127.0.0.1');
  await once(other, 'listening');
  elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  await expect(uploadBlob(rest, await request())).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining(`got ${elsewhere}`) as string,
  });
  expect(bytesSent).toBe(0);
  other.close();
});

test('a server that is not there is unreachable', async () => {
  server.close();
  await once(server, 'close');
  await expect(uploadBlob(rest, await request())).rejects.toMatchObject({ kind: 'server-unreachable' });
});
