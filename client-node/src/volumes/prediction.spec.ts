import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { segmentationMetrics } from './metrics.js';
import { writePhantomSite } from './phantom-site.js';
import { NativeLabels, writePrediction, type ProbabilityRows } from './prediction.js';
import { loadCase, openSite } from './site.js';
import { asLabelMap, readVolume } from './volume-file.js';
import type { Triple } from './volume.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-prediction-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spacing: Triple = [1, 1, 1];

/** One-hot probabilities of a label map, `rows` at a time. */
function* asRows(label: Uint8Array, shape: Triple, classes: number, rows: number): Generator<ProbabilityRows> {
  const row = shape[1] * shape[2];
  for (let begin = 0; begin < shape[0]; begin += rows) {
    const some = label.subarray(begin * row, (begin + rows) * row);
    const probability = new Float32Array(some.length * classes);
    some.forEach((value, index) => (probability[classes * index + value] = 1));
    yield { begin, rows: some.length / row, probability };
  }
}

function onNativeGrid(rows: Iterable<ProbabilityRows>, ...[grid, native]: ConstructorParameters<typeof NativeLabels>) {
  const labels = new NativeLabels(grid, native);
  for (const some of rows) labels.add(some);
  return labels.whole();
}

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
    const truth = await readVolume(entry.label!);
    const image = await readVolume(entry.image);
    const path = join(folder, 'prediction.nii.gz');
    const grid = { shape: one.shape, spacing, classes: 2 };
    await writePrediction(path, asRows(one.label!, one.shape, 2, 16), grid, one.native);
    const written = await readVolume(path);
    expect(written.geometry).toEqual(image.geometry);
    expect(written.shape).toEqual(image.shape);
    const [ours, theirs] = [asLabelMap(written.image), asLabelMap(truth.image)];
    const { perClass } = segmentationMetrics(ours, theirs, written.shape, native, 2);
    for (const { dice } of perClass) expect(dice).toBeGreaterThan(0.95);
    const whole = onNativeGrid(asRows(one.label!, one.shape, 2, one.shape[0]), grid, one.native);
    for (const rows of [1, 7]) {
      const piecewise = onNativeGrid(asRows(one.label!, one.shape, 2, rows), grid, one.native);
      expect(Buffer.compare(piecewise, whole)).toBe(0);
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
  const grid = { shape: [2, 2, 2] as Triple, spacing: [3, 3, 3] as Triple, classes: 8 };
  // i fastest in the file.
  expect([...onNativeGrid(asRows(label, grid.shape, 8, 1), grid, native)]).toEqual([0, 4, 2, 6, 1, 5, 3, 7]);
});

it('refuses rows of another size, and rows left out', () => {
  const native = {
    shape: [2, 2, 2] as Triple,
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    affineCode: 1,
    spacingKnown: true,
  };
  const grid = { shape: native.shape, spacing, classes: 2 };
  const row = { begin: 0, rows: 1, probability: new Float32Array(8) };
  expect(() => onNativeGrid([{ ...row, probability: new Float32Array(7) }], grid, native)).toThrow(
    'expected rows from 0 of 2 x 2 x 2, got 7 values from row 0 on',
  );
  expect(() => onNativeGrid([{ ...row, begin: 1 }], grid, native)).toThrow('from row 1 on');
  expect(() => onNativeGrid([row], grid, native)).toThrow('expected 2 rows, got 1');
});
