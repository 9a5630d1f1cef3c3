import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StudyManifest, type ModelVersion } from '@consilium/shared';
import { afterAll, expect, test } from 'vitest';
import { Journal } from '../agent/journal.js';
import type { KeptRelease } from '../agent/release.js';
import { nodeHome } from '../settings/node-settings.js';
import { chooseModel } from './chosen-model.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-chosen-model-'));
afterAll(() => rmSync(folder, { recursive: true }));

const home = nodeHome(folder);
const manifest = StudyManifest.parse({ name: 'left atrium' });
const model = (version: number): ModelVersion => ({
  studyId: '3f2b8c1d-4e5f-4a6b-9c7d-8e9f0a1b2c3d',
  version,
  blob: { digest: String(version).repeat(64), bytes: 10 },
  createdAt: '2026-01-01T00:00:00Z',
});
const release: KeptRelease = {
  release: { studyDigest: '1'.repeat(64), manifest, model: model(2), releasedAt: '2026-01-02T00:00:00Z' },
  path: '/released/2',
};
const none = (): Promise<undefined> => Promise.resolve(undefined);

test('the named model, else the released one, else the newest of this node', async () => {
  await expect(chooseModel(home, {}, none)).rejects.toThrow(/holds no model yet/);

  const journal = await Journal.open(home);
  await journal.rememberModel({ studyDigest: '1'.repeat(64), manifest, model: model(3) });
  expect(await chooseModel(home, {}, none)).toEqual({
    path: join(home.blobs, '3'.repeat(64)),
    study: manifest,
    name: 'version 3 of "left atrium", which is not released',
  });
  const released = (): Promise<KeptRelease> => Promise.resolve(release);
  expect(await chooseModel(home, {}, released)).toEqual({
    path: '/released/2',
    study: manifest,
    name: 'version 2 of "left atrium", as released',
  });

  const named = join(folder, 'model.safetensors');
  await expect(chooseModel(home, { model: named }, none)).rejects.toThrow(/--model: expected a file/);
  writeFileSync(named, 'weights');
  expect(await chooseModel(home, { model: named }, released)).toEqual({ path: named, study: manifest, name: named });
  const study = join(folder, 'study.json');
  writeFileSync(study, JSON.stringify({ ...manifest, name: 'another' }));
  const ask = (): Promise<never> => Promise.reject(new Error('nothing to ask for'));
  expect(await chooseModel(home, { model: named, study }, ask)).toMatchObject({ study: { name: 'another' } });
});
