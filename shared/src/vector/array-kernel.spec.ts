import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArrayKernel } from './array-kernel.js';
import { ScalarKernel } from './scalar-kernel.js';
import { VectorKernel } from './vector-kernel.js';

const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 });

/** Leftovers of an earlier, longer window must not show. */
function soil(kernel: ArrayKernel): ArrayKernel {
  kernel.values(40).fill(NaN);
  kernel.clearSums(40);
  kernel.addTerms(40, 1, 1);
  kernel.clearSums(40);
  return kernel;
}

describe.each([VectorKernel, ScalarKernel])('$name', (Kernel) => {
  const used = () => soil(new Kernel(40));

  it('gives the bits of the same arithmetic one value at a time', () => {
    const terms = fc.array(fc.tuple(floats, fc.integer({ min: 1, max: 2 ** 30 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(terms, fc.integer({ min: -10, max: 150 }), (updates, power) => {
        const length = Math.min(...updates.map(([values]) => values.length));
        const shift = 3 * 2 ** power;
        const sums = new Float64Array(length);
        const kernel = used();
        kernel.clearSums(length);
        for (const [values, weight] of updates) {
          for (let i = 0; i < length; i++) sums[i] += values[i] * weight + shift - shift;
          kernel.values(length).set(values.slice(0, length));
          kernel.addTerms(length, weight, shift);
        }
        kernel.divide(length, 3_000_001);
        expect(kernel.values(length)).toEqual(Float32Array.from(sums, (sum) => sum / 3_000_001));
      }),
      { numRuns: 300 },
    );
  });

  it('finds one value outside a range wherever it stands', () => {
    const bad = fc.constantFrom(NaN, Infinity, -Infinity, 1.5, -1.5);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), bad, (length, at, value) => {
        const kernel = used();
        kernel.values(length).fill(1);
        expect(kernel.within(length, -1, 1)).toBe(true);
        kernel.values(length)[at % length] = value;
        expect(kernel.within(length, -1, 1)).toBe(false);
      }),
    );
  });

  it('takes no infinity into a range that is wider than float32', () => {
    const kernel = used();
    kernel.values(1)[0] = Infinity;
    expect(kernel.within(1, -(2 ** 200), 2 ** 200)).toBe(false);
  });

  it('finds the largest magnitude, and NaN before it', () => {
    fc.assert(
      fc.property(floats, fc.nat(), (values, at) => {
        const kernel = used();
        kernel.values(values.length).set(values);
        expect(kernel.largest(values.length)).toBe(Math.max(...values.map(Math.abs)));
        kernel.values(values.length)[at % values.length] = NaN;
        expect(kernel.largest(values.length)).toBeNaN();
      }),
    );
  });

  it('orders two rows and leaves a third alone', () => {
    fc.assert(
      fc.property(floats, floats, (one, other) => {
        const length = Math.min(one.length, other.length);
        const kernel = new Kernel(40, 3);
        const rows = [one, other, one].map((row) => Float32Array.from(row.slice(0, length)));
        rows.forEach((row, i) => kernel.values(length, i).set(row));
        kernel.order(length, 1, 0);
        expect(kernel.values(length, 1)).toEqual(rows[0].map((x, i) => Math.min(x, rows[1][i])));
        expect(kernel.values(length, 0)).toEqual(rows[0].map((x, i) => Math.max(x, rows[1][i])));
        expect(kernel.values(length, 2)).toEqual(rows[2]);
      }),
    );
  });

  it('measures the distance of two rows, the same to the bit either way round', () => {
    const small = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(small, small, (one, other) => {
        const length = Math.min(one.length, other.length);
        const kernel = new Kernel(40, 2);
        kernel.values(40, 0).fill(NaN);
        kernel.values(40, 1).fill(NaN);
        [one, other].forEach((row, i) => kernel.values(length, i).set(row.slice(0, length)));
        const sums = new Float64Array(8);
        for (let i = 0; i < length; i++) sums[i % 8] += (one[i] - other[i]) ** 2;
        const expected = sums[0] + sums[1] + (sums[2] + sums[3]) + (sums[4] + sums[5] + (sums[6] + sums[7]));
        expect(kernel.squaredDistance(length, 0, 1)).toBe(expected);
        expect(kernel.squaredDistance(length, 1, 0)).toBe(expected);
      }),
    );
  });
});
