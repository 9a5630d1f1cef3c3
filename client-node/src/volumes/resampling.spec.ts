import { Random } from '@consilium/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resampledShape, resampleImage, resampleLabel } from './resampling.js';
import { intensityRange } from './volume-file.js';
import { voxelCount, type Triple } from './volume.js';

const side = fc.integer({ min: 1, max: 7 });
const size = fc.double({ min: 0.5, max: 3, noNaN: true });
const shapes = fc.tuple(side, side, side);
const spacings = fc.tuple(size, size, size);

describe('images', () => {
  it('stay what they are on their own spacing', () => {
    const image = Float32Array.from({ length: 24 }, (_, index) => index);
    expect(resampleImage(image, [2, 3, 4], [1.00001, 1, 1], [1, 1, 1])).toBe(image);
  });

  it('never leave the range of their values, so keep a constant', () => {
    const seeds = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(shapes, spacings, spacings, seeds, (shape, from, to, seed) => {
        const random = Random.from(seed);
        const image = Float32Array.from({ length: voxelCount(shape) }, () => random.uniform(0, 9));
        const out = resampleImage(image, shape, from, to);
        expect(out.length).toBe(voxelCount(resampledShape(shape, from, to)));
        const [before, after] = [intensityRange(image), intensityRange(out)];
        expect(after.maximum).toBeLessThanOrEqual(before.maximum + 1e-5);
        expect(after.minimum).toBeGreaterThanOrEqual(before.minimum - 1e-5);
      }),
    );
  });

  it('keep a straight ramp straight away from the border, in millimetres', () => {
    const shape: Triple = [20, 2, 2];
    const image = Float32Array.from({ length: 80 }, (_, index) => Math.floor(index / 4));
    const out = resampleImage(image, shape, [1, 1, 1], [0.8, 1, 1]);
    expect(out.length).toBe(25 * 4);
    for (let x = 1; x < 24; x++) expect(out[4 * x]).toBeCloseTo((x - 12) * 0.8 + 9.5, 4);
  });

  it('average pairs at twice the spacing, and skip no slice at four times', () => {
    const image = Float32Array.from([0, 2, 4, 6, 1, 3, 5, 7]);
    expect([...resampleImage(image, [1, 1, 8], [1, 1, 1], [1, 1, 2])]).toEqual([1, 5, 2, 6]);
    for (let z = 0; z < 16; z++) {
      const one = new Float32Array(16);
      one[z] = 1;
      const out = resampleImage(one, [1, 1, 16], [1, 1, 1], [1, 1, 4]);
      expect(out.some((value) => value > 0)).toBe(true);
    }
  });
});

describe('labels', () => {
  it('hold no value that was not there, and follow the image', () => {
    fc.assert(
      fc.property(shapes, spacings, spacings, (shape, from, to) => {
        const label = Uint8Array.from({ length: voxelCount(shape) }, (_, index) => (index * 7) % 5);
        const out = resampleLabel(label, shape, from, to);
        expect(out.length).toBe(voxelCount(resampledShape(shape, from, to)));
        const known = new Set(label);
        expect(out.every((value) => known.has(value))).toBe(true);
      }),
    );
    const step = Uint8Array.from([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...resampleLabel(step, [8, 1, 1], [1, 1, 1], [2, 1, 1])]).toEqual([0, 0, 1, 1]);
    expect([...resampleLabel(step, [8, 1, 1], [1, 1, 1], [0.5, 1, 1])]).toEqual(
      [...step].flatMap((value) => [value, value]),
    );
  });
});

it('refuses an array of another size', () => {
  expect(() => resampleImage(new Float32Array(3), [2, 2, 2], [1, 1, 1], [2, 2, 2])).toThrow(/expected 2 x 2 x 2/);
});
