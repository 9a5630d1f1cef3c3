import type { ArrayKernel } from './array-kernel.js';

/** One value at a time: the definition of what a kernel computes. */
export class ScalarKernel implements ArrayKernel {
  readonly #values: Float32Array;
  readonly #sums: Float64Array;

  constructor(
    private readonly capacity: number,
    rows = 1,
  ) {
    this.#values = new Float32Array(capacity * rows);
    this.#sums = new Float64Array(capacity);
  }

  values(length: number, row = 0): Float32Array {
    return this.#values.subarray(row * this.capacity, row * this.capacity + length);
  }

  clearSums(length: number): void {
    this.#sums.fill(0, 0, length);
  }

  addTerms(length: number, weight: number, shift: number): void {
    const [values, sums] = [this.#values, this.#sums];
    for (let i = 0; i < length; i++) sums[i] += values[i] * weight + shift - shift;
  }

  divide(length: number, divisor: number): void {
    const [values, sums] = [this.#values, this.#sums];
    for (let i = 0; i < length; i++) values[i] = sums[i] / divisor;
  }

  within(length: number, low: number, high: number): boolean {
    const values = this.#values;
    for (let i = 0; i < length; i++) {
      const value = values[i];
      if (!(value >= low && value <= high && Number.isFinite(value))) return false;
    }
    return true;
  }

  largest(length: number): number {
    const values = this.#values;
    let largest = 0;
    for (let i = 0; i < length; i++) largest = Math.max(largest, Math.abs(values[i]));
    return largest;
  }

  order(length: number, low: number, high: number): void {
    const [lower, upper] = [this.values(length, low), this.values(length, high)];
    for (let i = 0; i < length; i++) {
      const [a, b] = [lower[i], upper[i]];
      lower[i] = Math.min(a, b);
      upper[i] = Math.max(a, b);
    }
  }

  squaredDistance(length: number, one: number, other: number): number {
    const [a, b] = [this.values(length, one), this.values(length, other)];
    const s = new Float64Array(8);
    for (let i = 0; i < length; i++) s[i % 8] += (a[i] - b[i]) * (a[i] - b[i]);
    return s[0] + s[1] + (s[2] + s[3]) + (s[4] + s[5] + (s[6] + s[7]));
  }
}
