import 'reflect-metadata';
import {
  isCheckpointSignedBy,
  LogEvent,
  parseCheckpoint,
  verifyConsistency,
  verifyInclusion,
  type CheckpointView,
  type ConsistencyProof,
  type InclusionProof,
  type LogPage,
  type SignedCheckpoint,
} from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer, tinyStudy } from '../testing/test-server.js';

const bytes = (hash: string): Uint8Array => Buffer.from(hash, 'hex');

describe('the log by REST', { timeout: 60_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
  }, 60_000);
  afterAll(() => server.close());

  const page = async (query = ''): Promise<LogPage> =>
    (await server.get(`/log/entries?${query}`).expect(200)).body as LogPage;
  const checkpoint = async (): Promise<SignedCheckpoint> => {
    const { note } = (await server.get('/log/checkpoint').expect(200)).body as CheckpointView;
    return parseCheckpoint(note)!;
  };

  it('begins with the key by which its checkpoints are signed', async () => {
    const { entries } = await page('limit=1');
    const opened = entries[0].event;
    if (opened.type !== 'log-opened') throw new Error(`expected log-opened, got ${opened.type}`);
    const signed = await checkpoint();
    expect(signed.origin).toBe(opened.origin);
    expect(isCheckpointSignedBy(signed, opened.serverKey)).toBe(true);
  });

  it('proves every entry, and that it only grows', async () => {
    const before = await checkpoint();
    for (const name of ['one', 'two', 'three']) await server.post('/studies', tinyStudy(name)).expect(201);
    const { size, root } = await checkpoint();
    const { entries } = await page();
    expect(entries).toHaveLength(size);
    for (const { index, leaf } of entries) {
      const answer = await server.get(`/log/proof/inclusion?index=${index}&size=${size}`).expect(200);
      const proof = (answer.body as InclusionProof).proof.map(bytes);
      expect(verifyInclusion({ leaf: bytes(leaf), index, size, root, proof })).toBe(true);
    }
    const answer = await server.get(`/log/proof/consistency?from=${before.size}&to=${size}`).expect(200);
    const proof = (answer.body as ConsistencyProof).proof.map(bytes);
    expect(verifyConsistency({ oldSize: before.size, oldRoot: before.root, size, root, proof })).toBe(true);
  });

  it('pages through entries of a kind in both orders', async () => {
    const all = (await page()).entries.map(({ index }) => index);
    const read = async (order: string): Promise<number[]> => {
      const indexes: number[] = [];
      for (let from: number | null | undefined; from !== null;) {
        const part = await page(`limit=2&order=${order}${from === undefined ? '' : `&from=${from}`}`);
        indexes.push(...part.entries.map(({ index }) => index));
        from = part.next;
      }
      return indexes;
    };
    expect(await read('oldest')).toEqual(all);
    expect(await read('newest')).toEqual([...all].reverse());
    const { entries } = await page('type=log-opened');
    expect(entries.map(({ index }) => index)).toEqual([0]);
    expect(LogEvent.parse(entries[0].event)).toEqual(entries[0].event);
  });

  it('answers what it does not have with a sentence', async () => {
    const { size } = await checkpoint();
    await server.get(`/log/entries/${size}`).expect(404);
    await server.get(`/log/proof/inclusion?index=0&size=${size + 1}`).expect(404);
    await server.get(`/log/proof/inclusion?index=${size}&size=${size}`).expect(400);
    await server.get(`/log/proof/consistency?from=${size}&to=1`).expect(400);
    await server.get('/log/proof/inclusion?index=-1&size=1').expect(400);
  });
});
