import 'reflect-metadata';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOfBytes } from '@consilium/shared';
import { DetailedError } from 'tus-js-client';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeSite } from '../testing/fake-site.js';
import { TestServer, tinyStudy } from '../testing/test-server.js';

let server: TestServer;
let site: FakeSite;
let other: FakeSite;
beforeAll(async () => {
  server = await TestServer.start();
  site = await FakeSite.enrol(server, 'one');
  other = await FakeSite.enrol(server, 'two');
  await server.startStudy(tinyStudy('blobs'));
});
afterAll(() => server.close());

const content = (seed: number, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed * 7) % 251);
const uploads = () => readdirSync(join(server.home, 'uploads'));
const headers = async (method: string, path: string, by = site) => ({
  Authorization: `Bearer ${await by.token({ method, path })}`,
  'Tus-Resumable': '1.0.0',
});
const create = async (digest: string, length: number) => {
  const metadata = `digest ${Buffer.from(digest).toString('base64')}`;
  return fetch(`${server.url}/api/v1/uploads`, {
    method: 'POST',
    headers: {
      ...(await headers('POST', '/api/v1/uploads')),
      'Upload-Length': String(length),
      'Upload-Metadata': metadata,
    },
  });
};
const patch = async (path: string, offset: number, body: Uint8Array, by = site) =>
  fetch(`${server.url}${path}`, {
    method: 'PATCH',
    headers: {
      ...(await headers('PATCH', path, by)),
      'Upload-Offset': String(offset),
      'Content-Type': 'application/offset+octet-stream',
    },
    body: body as Uint8Array<ArrayBuffer>,
  });

describe('an upload', () => {
  it('becomes a blob of exactly these bytes, and nothing else is left', async () => {
    const bytes = content(1, 300_000);
    const digest = await site.upload(bytes);
    expect(readFileSync(join(server.home, 'blobs', digest.slice(0, 2), digest)).equals(bytes)).toBe(true);
    expect(uploads()).toEqual([]);
  });

  it('A3 goes on where it was interrupted, for its owner only', async () => {
    const bytes = content(2, 200_000);
    const created = await create(digestOfBytes(bytes), bytes.length);
    const path = created.headers.get('location')!;
    expect((await patch(path, 0, bytes.subarray(0, 120_000))).status).toBe(204);
    expect((await patch(path, 120_000, bytes.subarray(120_000), other)).status).toBe(404);
    expect((await patch(path, 100, bytes.subarray(100))).status).toBe(409);
    const head = await fetch(`${server.url}${path}`, { method: 'HEAD', headers: await headers('HEAD', path) });
    expect(head.headers.get('upload-offset')).toBe('120000');
    let sent = 0;
    await site.upload(bytes, digestOfBytes(bytes), {
      uploadUrl: `${server.url}${path}`,
      onProgress: (done) => (sent = Math.max(sent, done)),
    });
    expect(sent).toBe(bytes.length);
    expect(await site.download(digestOfBytes(bytes))).toEqual(Buffer.from(bytes));
    // The last acknowledgement may have been lost: whoever asks again hears that everything has arrived.
    const again = await fetch(`${server.url}${path}`, { method: 'HEAD', headers: await headers('HEAD', path) });
    expect(again.headers.get('upload-offset')).toBe('200000');
  });

  it('of what the server has already is done at once', async () => {
    const bytes = content(3, 50_000);
    const digest = await site.upload(bytes);
    const created = await create(digest, bytes.length);
    expect([created.status, created.headers.get('upload-offset')]).toEqual([201, '50000']);
    expect(await other.upload(bytes)).toBe(digest);
    expect(uploads()).toEqual([]);
  });

  it('with another content than promised is removed and refused with both digests', async () => {
    const bytes = content(4, 1000);
    const promised = 'c'.repeat(64);
    const error = await site.upload(bytes, promised).then(
      () => null,
      (cause: unknown) => cause as DetailedError,
    );
    const answer = JSON.parse(error!.originalResponse!.getBody()) as { code: string; message: string };
    expect(answer.code).toBe('digest-mismatch');
    expect(answer.message).toContain(promised);
    expect(answer.message).toContain(digestOfBytes(bytes));
    expect(uploads()).toEqual([]);
    expect(existsSync(join(server.home, 'blobs', 'cc', promised))).toBe(false);
  });

  it('larger than the model of the study, without a digest, or of nobody is refused', async () => {
    const large = await create('d'.repeat(64), 10_000_000_000);
    expect([large.status, ((await large.json()) as { code: string }).code]).toEqual([413, 'too-large']);
    expect((await create('not a digest', 10)).status).toBe(400);
    const anonymous = await request(server.url)
      .post('/api/v1/uploads')
      .set('Tus-Resumable', '1.0.0')
      .set('Upload-Length', '5');
    expect(anonymous.status).toBe(401);
    expect(uploads()).toEqual([]);
  });
});

describe('a download', () => {
  it('can be continued with a range and is immutable', async () => {
    const bytes = content(5, 10_000);
    const digest = await site.upload(bytes);
    const part = await fetch(`${server.url}/api/v1/blobs/${digest}`, {
      headers: { ...(await headers('GET', `/api/v1/blobs/${digest}`)), Range: 'bytes=9000-' },
    });
    expect([part.status, part.headers.get('etag'), part.headers.get('content-range')]).toEqual([
      206,
      `"${digest}"`,
      'bytes 9000-9999/10000',
    ]);
    expect(part.headers.get('cache-control')).toContain('immutable');
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.subarray(9000));
    const known = await request(server.url)
      .get(`/api/v1/blobs/${digest}`)
      .set({ ...(await headers('GET', `/api/v1/blobs/${digest}`)), 'If-None-Match': `"${digest}"` });
    expect(known.status).toBe(304);
    const beyond = await fetch(`${server.url}/api/v1/blobs/${digest}`, {
      headers: { ...(await headers('GET', `/api/v1/blobs/${digest}`)), Range: 'bytes=20000-' },
    });
    expect(beyond.status).toBe(416);
  });

  it("is not for another site's update", async () => {
    const digest = await site.upload(content(6, 500));
    expect((await other.get(`/blobs/${digest}`)).status).toBe(404);
    expect((await server.get(`/blobs/${digest}`)).status).toBe(200);
    expect((await server.get('/blobs/..%2f..%2fidentity.json')).status).toBe(400);
  });
});
