import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeContainer, initialModel, StudyManifest } from '@consilium/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { trainerEnvironment } from '../settings/trainer-environment.js';
import { rawNifti } from '../volumes/nifti-file.fixture.js';
import { encodeNifti } from '../volumes/nifti-writer.js';
import { storedAs } from '../volumes/phantom-site.js';
import { writePhantomSite, type DataCheck } from '../volumes/index.js';
import type { Survey, TrainedUpdate } from './messages.js';
import { TrainerProcess } from './trainer-process.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ENTRY = fileURLToPath(new URL('../../dist/trainer/main.js', import.meta.url));
const run = promisify(execFile);
const SHAPE = [20, 18, 16] as const;
const VOXELS = SHAPE[0] * SHAPE[1] * SHAPE[2];
const study = StudyManifest.parse({
  name: 'bad volumes',
  spacing: [1, 1, 1],
  model: { width: 2, prototypes: 2, patch: [16, 16, 16] },
  training: { cpsAnchors: 8, cpsNegatives: 8 },
  rounds: { count: 1, localSteps: 2 },
});

let folder: string;
let trainer: TrainerProcess;
let notes: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-bad-volumes-'));
  notes = [];
  for (const site of ['bad', 'good']) {
    const options = { site: 'north', seed: 1, labelled: 2, unlabelled: 2, validation: 1, shape: SHAPE };
    await writePhantomSite(join(folder, site), options);
  }
  trainer = new TrainerProcess({
    environment: trainerEnvironment({ threads: 1 }),
    trainer: {
      threads: 1,
      cache: join(folder, 'cache'),
      memoryMegabytes: 100,
      cacheMegabytes: 100,
      dataWorkers: 1,
      checkpointSeconds: 60,
      inference: { overlap: 0.5, stride: null, weighting: 'uniform', batch: 1 },
      precision: 'float32',
      allowJavascriptEngine: true,
    },
    onNote: (_, sentence) => notes.push(sentence),
    entry: ENTRY,
  });
});
afterEach(async () => {
  await trainer.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What hospitals have in their archives, beside good volumes: by the name that it must be called by, with the reason. */
function addBadVolumes(): Record<string, RegExp> {
  const write = (kind: 'images' | 'labels', name: string, bytes: Uint8Array) =>
    writeFileSync(join(folder, 'bad', kind, name), bytes);
  const image = (spacing: readonly [number, number, number] = [1, 1, 1]) =>
    encodeNifti({
      voxels: Int16Array.from({ length: VOXELS }, (_, i) => i % 997),
      geometry: storedAs(SHAPE, spacing, 'RAS'),
    });
  const label = (shape: readonly [number, number, number], value: number) =>
    encodeNifti({
      voxels: Uint8Array.from({ length: VOXELS }, (_, i) => (i > 400 && i < 900 ? value : 0)),
      geometry: storedAs(shape, [1, 1, 1], 'RAS'),
      isLabel: true,
    });
  write('images', 'unreadable.nii', new TextEncoder().encode('no image '.repeat(60)));
  write('images', 'truncated.nii', image().subarray(0, 5000));
  write('images', 'moving.nii', rawNifti({ dims: [4, 8, 8, 8, 3], datatype: 4 }));
  write('images', 'anisotropic.nii', image([1, 1, 6]));
  write('images', 'mislabelled.nii', image());
  write('labels', 'mislabelled.nii', label([SHAPE[1], SHAPE[0], SHAPE[2]], 1));
  write('images', 'empty.nii', image());
  write('labels', 'empty.nii', label(SHAPE, 0));
  write('labels', 'alone.nii', label(SHAPE, 1));
  return {
    unreadable: /expected a NIfTI header/,
    truncated: /expected \d+ bytes of voxels/,
    moving: /expected 3 dimensions, got 4/,
    anisotropic: /anisotropic/,
    mislabelled: /its label has 18 x 20 x 16 voxels, expected the image's 20 x 18 x 16/,
    empty: /its label is empty/,
    alone: /label without an image/,
  };
}

/** A label that is right by itself, but not in a study of two classes. */
function addForeignLabel(): void {
  const geometry = storedAs(SHAPE, [1, 1, 1], 'RAS');
  const voxels = Uint8Array.from({ length: VOXELS }, (_, i) => (i > 400 && i < 900 ? 3 : 0));
  const image = Int16Array.from(voxels, (c, i) => 100 * c + (i % 7));
  writeFileSync(join(folder, 'bad/images/foreign.nii'), encodeNifti({ voxels: image, geometry }));
  writeFileSync(join(folder, 'bad/labels/foreign.nii'), encodeNifti({ voxels, geometry, isLabel: true }));
}

function trainOn(site: string): Promise<TrainedUpdate> {
  const job = join(folder, `job-${site}`);
  mkdirSync(job);
  const base = join(job, 'base');
  writeFileSync(base, encodeContainer(initialModel(study.model, 1)));
  const withheld = { minimumSupport: 0, statistics: false };
  const files = { data: join(folder, site), base, folder: job, local: join(job, 'local'), withheld };
  return trainer.run({ kind: 'train', study, studyDigest: 'bad volumes', round: 1, seed: 3, ...files });
}

test('A26 bad volumes are named by `data check` and left out of training; the rest trains as if they were not there', async () => {
  const reasons = addBadVolumes();
  const { stdout } = await run(process.execPath, [CLI, 'data', 'check', join(folder, 'bad'), '--json']);
  const check = JSON.parse(stdout) as DataCheck;
  const wrong = check.volumes.filter(({ problems }) => problems.length > 0);
  expect(wrong.map(({ name }) => name).sort()).toEqual(Object.keys(reasons).sort());
  for (const { name, problems } of wrong) expect(problems.join(), name).toMatch(reasons[name]);
  expect(check).toMatchObject({ labelled: 2, unlabelled: 2, validation: 1, leftOut: 7 });

  addForeignLabel();
  const survey: Survey = await trainer.run({
    kind: 'survey',
    data: join(folder, 'bad'),
    validation: null,
    needsTraining: true,
  });
  for (const name of Object.keys(reasons)) expect(survey.findings.join('\n')).toContain(`volume ${name} is left out`);
  const update = await trainOn('bad');
  expect(update).toMatchObject({ labelled: 2, unlabelled: 2, steps: 2 });
  expect(await trainOn('good')).toMatchObject({ blob: update.blob });
  expect(readFileSync(join(folder, 'job-bad/update.safetensors')).byteLength).toBe(update.blob.bytes);
}, 60_000);
