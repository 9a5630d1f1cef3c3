import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { squaredDistances } from './distance-transform.js';
import { classMetrics, segmentationMetrics } from './metrics.js';
import type { Triple } from './volume.js';

function cube(shape: Triple, corner: Triple, side: number, value = 1): Uint8Array {
  const map = new Uint8Array(shape[0] * shape[1] * shape[2]);
  for (let x = corner[0]; x < corner[0] + side; x++) {
    for (let y = corner[1]; y < corner[1] + side; y++) {
      for (let z = corner[2]; z < corner[2] + side; z++) map[(x * shape[1] + y) * shape[2] + z] = value;
    }
  }
  return map;
}

describe('distance transform', () => {
  it('agrees with trying every pair of voxels, at any spacing', () => {
    const spacing = fc.double({ min: 0.2, max: 5, noNaN: true });
    const map = fc.array(fc.boolean(), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(map, fc.tuple(spacing, spacing, spacing), (bits, size) => {
        const [nx, ny, nz] = [3, 4, 5];
        const marks = Uint8Array.from(bits, Number);
        const squared = squaredDistances(marks, [nx, ny, nz], size);
        const at = (i: number) => [Math.floor(i / (ny * nz)), Math.floor(i / nz) % ny, i % nz];
        for (let i = 0; i < marks.length; i++) {
          let nearest = Infinity;
          for (let j = 0; j < marks.length; j++) {
            if (marks[j] === 0) continue;
            const [a, b] = [at(i), at(j)];
            nearest = Math.min(
              nearest,
              size.reduce((sum, mm, axis) => sum + ((a[axis] - b[axis]) * mm) ** 2, 0),
            );
          }
          if (nearest === Infinity) expect(squared[i]).toBe(Infinity);
          else expect(Math.abs(squared[i] - nearest)).toBeLessThan(1e-9);
        }
      }),
    );
  });
});

describe('overlap and surface metrics', () => {
  const shape: Triple = [12, 12, 12];

  it('of a cube moved by one voxel are those of the arithmetic', () => {
    const result = classMetrics(cube(shape, [3, 2, 2], 4), cube(shape, [2, 2, 2], 4), shape, [2, 1, 1], 1);
    // 4 x 4 x 3 of 64 voxels in common.
    expect(result.dice).toBeCloseTo(0.75, 12);
    expect(result.jaccard).toBeCloseTo(48 / 80, 12);
    // 56 surface voxels each. The front 4 x 4 lies 2 mm away; behind it the back wall's inner 2 x 2 lies 1 mm from a side
    // (its own plane x = 2 of the moved cube is surface only at its rim), all other voxels lie on the other's surface.
    expect(result.hd95).toBe(2);
    expect(result.assd).toBeCloseTo(result.asd!, 12);
    expect(result.asd).toBeCloseTo((16 * 2 + 4 * 1) / 56, 12);
  });

  it('touching the border of the volume is a surface there', () => {
    const whole = new Uint8Array(27).fill(1);
    const result = classMetrics(whole, whole, [3, 3, 3], [1, 1, 1], 1);
    expect(result).toEqual({ dice: 1, jaccard: 1, hd95: 0, asd: 0, assd: 0 });
  });

  it('have no distance where one side is empty, and count a class missing from both as found', () => {
    const some = cube(shape, [2, 2, 2], 3);
    const none = new Uint8Array(some.length);
    expect(classMetrics(none, some, shape, [1, 1, 1], 1)).toEqual({
      dice: 0,
      jaccard: 0,
      hd95: null,
      asd: null,
      assd: null,
    });
    expect(classMetrics(none, none, shape, [1, 1, 1], 1)).toMatchObject({ dice: 1, jaccard: 1, hd95: null });
  });

  it('average over classes; a class that one map alone holds leaves no mean distance', () => {
    const reference = cube(shape, [2, 2, 2], 3, 2);
    const { perClass, mean } = segmentationMetrics(reference, reference, shape, [1, 1, 1], 4);
    expect(perClass.map(({ dice }) => dice)).toEqual([1, 1, 1]);
    expect(mean).toEqual({ dice: 1, jaccard: 1, hd95: 0, asd: 0, assd: 0 });
    const more = Uint8Array.from(reference, (value, index) => (index === 0 ? 1 : value));
    expect(segmentationMetrics(reference, more, shape, [1, 1, 1], 3).mean).toEqual({
      dice: 0.5,
      jaccard: 0.5,
      hd95: null,
      asd: null,
      assd: null,
    });
  });

  it('are symmetric but for ASD', () => {
    const [a, b] = [cube(shape, [1, 2, 3], 5), cube(shape, [4, 4, 4], 4)];
    const [forth, back] = [classMetrics(a, b, shape, [1, 2, 3], 1), classMetrics(b, a, shape, [1, 2, 3], 1)];
    expect({ ...forth, asd: 0 }).toEqual({ ...back, asd: 0, assd: expect.closeTo(forth.assd!, 10) as unknown });
  });

  it('refuses maps of different sizes', () => {
    expect(() => classMetrics(new Uint8Array(8), new Uint8Array(9), [2, 2, 2], [1, 1, 1], 1)).toThrow(
      /expected two maps/,
    );
  });
});
