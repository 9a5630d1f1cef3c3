import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StudyManifest, type BlobRef, type ReleasedModel } from '@consilium/shared';
import { afterAll, expect, test } from 'vitest';
import { NodeFailure } from '../settings/failure.js';
import { currentRelease } from './release.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-release-'));
afterAll(() => rmSync(folder, { recursive: true }));

const released: ReleasedModel = {
  studyDigest: '1'.repeat(64),
  manifest: StudyManifest.parse({ name: 'left atrium' }),
  model: {
    studyId: '3f2b8c1d-4e5f-4a6b-9c7d-8e9f0a1b2c3d',
    version: 2,
    blob: { digest: '2'.repeat(64), bytes: 10 },
    createdAt: '2026-01-01T00:00:00Z',
  },
  releasedAt: '2026-01-02T00:00:00Z',
};

test('the released model is kept for when the server is away, until none is released any more', async () => {
  const home = { releases: join(folder, 'releases.json') };
  const path = (digest: string): string => join(folder, digest);
  const blobs = {
    path,
    fetch: ({ digest }: BlobRef) => Promise.resolve(path(digest)),
    prune: () => Promise.resolve(),
  };
  const away = new NodeFailure('server-unreachable', 'the server is away');
  const warnings: string[] = [];
  const ask = (answer: () => Promise<ReleasedModel[]>) =>
    currentRelease(home, { releases: answer }, blobs, (sentence) => warnings.push(sentence));

  expect(await ask(() => Promise.reject(away))).toBeUndefined();
  const kept = { release: released, path: path(released.model.blob.digest) };
  expect(await ask(() => Promise.resolve([released]))).toEqual(kept);
  expect(warnings).toEqual([]);
  expect(await ask(() => Promise.reject(away))).toEqual(kept);
  expect(warnings).toEqual(['the server is away; using the model that was released last']);
  expect(await ask(() => Promise.resolve([]))).toBeUndefined();
  expect(await ask(() => Promise.reject(away))).toBeUndefined();
});
