import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classDistances, planeProjection, prototypeShift, type PrototypeSet } from './prototype-geometry.js';

const [C, R, F] = [2, 3, 4];
const finite = fc.float({ min: -100, max: 100, noNaN: true, noDefaultInfinity: true });
const drawn = fc
  .record({
    values: fc.array(finite, { minLength: C * R * F, maxLength: C * R * F }),
    support: fc.array(fc.nat(1000), { minLength: C * R, maxLength: C * R }),
  })
  .map(({ values, support }): PrototypeSet => set(values, support));

function set(values: number[], support: number[]): PrototypeSet {
  return { classes: C, perClass: R, values: Float32Array.from(values), support: Float32Array.from(support) };
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - b[i]));
}

describe('prototypeShift', () => {
  it('is relative to the length before, and unknown where that was none', () => {
    const before = set([3, 4, 0, 0, ...zeros(20)], zeros(6));
    const after = set([3, 4, 0, 5, 1, ...zeros(19)], zeros(6));
    expect(prototypeShift(before, after)).toEqual([1, null, null, null, null, null]);
  });
});

describe('classDistances', () => {
  it('are those of the means by support', () => {
    const values = [1, 0, 0, 0, 9, 9, 9, 9, 3, 0, 0, 0, ...zeros(12)];
    // The second prototype of class 0 has no support: it does not count.
    expect(classDistances(set(values, [1, 0, 1, 0, 0, 0]))).toEqual([
      [0, 2],
      [2, 0],
    ]);
  });

  it('are symmetric with a diagonal of zeros', () => {
    fc.assert(
      fc.property(drawn, (prototypes) => {
        const distances = classDistances(prototypes);
        for (let a = 0; a < C; a++) {
          expect(distances[a][a]).toBe(0);
          for (let b = 0; b < C; b++) expect(distances[a][b]).toBeCloseTo(distances[b][a], 6);
        }
      }),
    );
  });
});

describe('planeProjection', () => {
  it('keeps the distances of points that lie in a plane', () => {
    const plane = [0, 0, 4, 0, 0, 1, 4, 2, 8, 1, 2, 5];
    const inSpace = [];
    for (let p = 0; p < 6; p++) inSpace.push(plane[2 * p], 7, plane[2 * p + 1], -2);
    const { points, explained } = planeProjection(set(inSpace, zeros(6)));
    for (let a = 0; a < 6; a++) {
      for (let b = 0; b < 6; b++) {
        const expected = distance(plane.slice(2 * a, 2 * a + 2), plane.slice(2 * b, 2 * b + 2));
        expect(distance(points[a], points[b])).toBeCloseTo(expected, 5);
      }
    }
    expect(explained[0] + explained[1]).toBeCloseTo(1, 9);
    expect(explained[0]).toBeGreaterThan(explained[1]);
  });

  it('never stretches a distance, and puts equal prototypes on one point', () => {
    fc.assert(
      fc.property(drawn, (prototypes) => {
        const { points, explained } = planeProjection(prototypes);
        const row = (p: number): number[] => [...prototypes.values.subarray(p * F, (p + 1) * F)];
        for (let a = 0; a < C * R; a++) {
          for (let b = 0; b < C * R; b++)
            expect(distance(points[a], points[b])).toBeLessThanOrEqual(distance(row(a), row(b)) + 1e-3);
        }
        expect(explained[0] + explained[1]).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  it('is a point where all prototypes are alike', () => {
    const { points, explained } = planeProjection(set(zeros(24), zeros(6)));
    expect(explained).toEqual([0, 0]);
    expect(points).toEqual(Array.from({ length: 6 }, () => [0, 0]));
  });
});

function zeros(count: number): number[] {
  return Array<number>(count).fill(0);
}
