import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { segmentationMetrics } from './metrics.js';
import { writePhantomSite } from './phantom-site.js';
import { onNativeGrid, writePrediction } from './prediction.js';
import { loadCase, openSite } from './site.js';
import { asLabelMap, readVolume } from './volume-file.js';
import type { Triple } from './volume.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-prediction-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spacing: Triple = [1, 1, 1];

describe("back on the image's own grid", () => {
  it.each([
    ['RAS', [1, 1, 1]],
    ['PIR', [0.8, 1.3, 1.7]],
    ['ILA', [0.6, 0.6, 2.1]],
  ] as [string, Triple][])('%s at %j: label to study space and back', async (code, native) => {
    await writePhantomSite(folder, {
      site: 'a',
      seed: 5,
      labelled: 1,
      unlabelled: 0,
      spacing: native,
      orientations: [code],
      classes: 2,
    });
    const entry = (await openSite(folder, { classes: 2 })).labelled[0];
    const one = await loadCase(entry, spacing);
    const probabilities = new Float32Array(one.label!.length * 2);
    one.label!.forEach((value, index) => (probabilities[2 * index + value] = 1));
    const truth = await readVolume(entry.label!);
    const image = await readVolume(entry.image);
    for (const kind of [{ label: one.label! }, { probabilities, classes: 2 }]) {
      const path = join(folder, 'prediction.nii.gz');
      await writePrediction(path, { shape: one.shape, spacing, ...kind }, one.native);
      const written = await readVolume(path);
      expect(written.geometry).toEqual(image.geometry);
      expect(written.shape).toEqual(image.shape);
      const [ours, theirs] = [asLabelMap(written.image), asLabelMap(truth.image)];
      const { perClass } = segmentationMetrics(ours, theirs, written.shape, native, 2);
      for (const { dice } of perClass) expect(dice).toBeGreaterThan(0.95);
    }
  });
});

it('an image of unknown spacing gets its prediction voxel for voxel', () => {
  const native = {
    shape: [2, 2, 2] as Triple,
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    affineCode: 0,
    spacingKnown: false,
  };
  const label = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]);
  // i fastest in the file.
  expect([...onNativeGrid({ label, shape: [2, 2, 2], spacing: [3, 3, 3] }, native)]).toEqual([0, 4, 2, 6, 1, 5, 3, 7]);
});

it('refuses a map of another size', () => {
  const native = {
    shape: [2, 2, 2] as Triple,
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    affineCode: 1,
    spacingKnown: true,
  };
  expect(() => onNativeGrid({ label: new Uint8Array(7), shape: [2, 2, 2], spacing }, native)).toThrow(
    /expected 2 x 2 x 2 x 1/,
  );
});
