import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeContainer, initialModel, ModelSettings } from '@consilium/shared';
import { afterAll, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { writeNifti } from '../volumes/nifti-writer.js';
import { readVolume } from '../volumes/volume-file.js';
import type { Predicted } from './messages.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const run = promisify(execFile);
const CLASSES = 24;
const [HEIGHT, DEPTH] = [96, 64];
const folder = mkdtempSync(join(tmpdir(), 'consilium-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { trainable } = await openEngine(engineSettings({}, { device: 'cpu' }));

/** `consilium-node predict` on an image of so many rows; bytes that its trainer process had resident at most. */
async function peakBytes(rows: number): Promise<number> {
  const image = join(folder, `${rows}.nii`);
  const geometry = {
    shape: [rows, HEIGHT, DEPTH] as const,
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    affineCode: 1,
    spacingKnown: true,
  };
  const voxels = Int16Array.from({ length: rows * HEIGHT * DEPTH }, (_, i) => (i * 7919) & 1023);
  await writeNifti(image, { voxels, geometry });
  const { stdout } = await run(process.execPath, [
    ...[CLI, 'predict', image, '--json', '--home', join(folder, 'home'), '--out', folder],
    ...['--model', join(folder, 'model'), '--study', join(folder, 'study.json')],
    ...['--overlap', '0', '--threads', '1', '--log-level', 'warn'],
  ]);
  const { written, failed, peakMegabytes } = JSON.parse(stdout) as Predicted;
  expect(failed).toEqual([]);
  expect((await readVolume(written[0].prediction)).geometry).toEqual(geometry);
  return peakMegabytes * 2 ** 20;
}

// Probabilities alone would take 4 x 24 = 96 bytes a voxel; file, image twice, labels and malloc's leftovers take 20.
it.skipIf(!existsSync(CLI) || !trainable)(
  'memory grows with the image, not with its probabilities',
  async () => {
    const model = ModelSettings.parse({ width: 2, prototypes: 2, classes: CLASSES, patch: [32, 32, 32] });
    writeFileSync(join(folder, 'model'), encodeContainer(initialModel(model, 1)));
    const classNames = Array.from({ length: CLASSES }, (_, c) => `class ${c}`);
    writeFileSync(join(folder, 'study.json'), JSON.stringify({ name: 'memory', model, classNames }));
    const [low, high] = [await peakBytes(64), await peakBytes(256)];
    const perVoxel = (high - low) / (192 * HEIGHT * DEPTH);
    expect(perVoxel).toBeLessThan(50);
  },
  120_000,
);
