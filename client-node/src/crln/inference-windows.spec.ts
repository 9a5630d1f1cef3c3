import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cornersAlong, Slab, strideOf, weightsAlong, WindowGrid, type Triple } from './inference-windows.js';

it('covers an axis with windows that end with the volume', () => {
  expect(cornersAlong(40, 16, 8)).toEqual([0, 8, 16, 24]);
  expect(cornersAlong(37, 16, 8)).toEqual([0, 8, 16, 21]);
  expect(cornersAlong(16, 16, 8)).toEqual([0]);
  expect(cornersAlong(13, 16, 8)).toEqual([-1]);
});

it('takes a stride per axis, and makes one of an overlap', () => {
  expect(strideOf([112, 112, 80], 0.5)).toEqual([56, 56, 40]);
  expect(strideOf([112, 112, 80], 0)).toEqual([112, 112, 80]);
  expect(strideOf([4, 4, 4], 0.9)).toEqual([1, 1, 1]);
  expect(() => new WindowGrid([40, 40, 40], [16, 16, 16], [8, 17, 8], 'uniform')).toThrow(
    'windows: expected a stride of 1 to the patch, 16 x 16 x 16, got 8 x 17 x 8',
  );
});

it('weighs the middle of a window most, and its rim by exp(-8) of that', () => {
  expect([...weightsAlong(3, 'uniform')]).toEqual([1, 1, 1]);
  const weights = weightsAlong(80, 'gaussian');
  expect(Math.max(...weights)).toBe(weights[39]);
  expect(weights[39]).toBe(weights[40]);
  // One deviation, 10 voxels, from the middle at 39.5.
  expect(weightsAlong(81, 'gaussian')[40 + 81 / 8 - 0.125]).toBeCloseTo(Math.exp(-0.5 * (10 / (81 / 8)) ** 2), 12);
  expect(weights[0]).toBe(weights[79]);
  expect(weights[0]).toBeGreaterThan(Math.exp(-8));
});

const side = fc.integer({ min: 1, max: 13 });
const triple = fc.tuple(side, side, side) as fc.Arbitrary<Triple>;
const grids = fc
  .record({ shape: triple, patch: triple, share: fc.double({ min: 0, max: 0.9, noNaN: true }) })
  .chain(({ shape, patch, share }) =>
    fc
      .constantFrom('uniform', 'gaussian')
      .map((weighting) => new WindowGrid(shape, patch, strideOf(patch, share), weighting)),
  );

describe('whatever the sizes of volume, patch and stride', () => {
  it('windows cover every voxel, and cut what lies there', () => {
    fc.assert(
      fc.property(grids, (grid) => {
        const { shape, patch } = grid;
        const image = Float32Array.from({ length: shape[0] * shape[1] * shape[2] * 2 }, (_, i) => i);
        const seen = new Uint8Array(image.length);
        for (const corner of grid.corners) {
          const window = new Float32Array(patch[0] * patch[1] * patch[2] * 2).fill(NaN);
          grid.cut(image, 2, corner, -1, window, 0);
          window.forEach((value, at) => {
            const voxel = Math.floor(at / 2);
            const [i, j, k] = [Math.floor(voxel / (patch[1] * patch[2])), Math.floor(voxel / patch[2]), voxel];
            const [x, y, z] = [corner[0] + i, corner[1] + (j % patch[1]), corner[2] + (k % patch[2])];
            const inside = [x, y, z].every((place, axis) => place >= 0 && place < shape[axis]);
            const place = inside ? ((x * shape[1] + y) * shape[2] + z) * 2 + (at % 2) : -1;
            if (value !== place) expect([...corner, at, value]).toEqual([...corner, at, place]);
            if (inside) seen[place] = 1;
          });
        }
        expect(seen.every((mark) => mark === 1)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('the slab holds each voxel’s weighted mean over its windows, and gives the same however it is emptied', () => {
    fc.assert(
      fc.property(grids, fc.integer({ min: 1, max: 5 }), (grid, most) => {
        const { shape, patch, weights } = grid;
        const voxels = patch[0] * patch[1] * patch[2];
        const values = (window: number) =>
          Float32Array.from({ length: voxels * 2 }, (_, at) => Math.abs(Math.sin(1 + at + 0.7 * window)));
        const sums = new Float64Array(shape[0] * shape[1] * shape[2] * 2);
        const totals = new Float64Array(sums.length);
        grid.corners.forEach((corner, w) => {
          const window = values(w);
          grid.forRuns(corner, ({ x, y, z, i, j, k, at, length }) => {
            for (let n = 0; n < length * 2; n++) {
              const weight = weights[0][i] * weights[1][j] * weights[2][k + (n >> 1)];
              const to = ((x * shape[1] + y) * shape[2] + z) * 2 + n;
              sums[to] += weight * window[at * 2 + n];
              totals[to] += weight;
            }
          });
        });
        const predicted = (rows: number) => {
          const slab = new Slab(grid, 2);
          const all: number[] = [];
          const take = (end: number) => {
            for (const part of slab.finish(end, rows)) {
              expect(part.rows).toBeLessThanOrEqual(rows);
              all.push(...part.probability);
            }
          };
          grid.corners.forEach((corner, w) => {
            take(corner[0]);
            slab.add(values(w), 0, corner);
          });
          take(shape[0]);
          return all;
        };
        const streamed = predicted(most);
        expect(streamed).toEqual(predicted(1000));
        expect(streamed.length).toBe(sums.length);
        expect(Math.max(...streamed.map((value, at) => Math.abs(value - sums[at] / totals[at])))).toBeLessThan(1e-5);
      }),
      { numRuns: 50 },
    );
  });
});
