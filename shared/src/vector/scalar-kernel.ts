import type { ArrayKernel } from './array-kernel.js';

/** One value at a time: the definition of what a kernel computes. */
export class ScalarKernel implements ArrayKernel {
  readonly #values: Float32Array;
  readonly #sums: Float64Array;

  constructor(capacity: number) {
    this.#values = new Float32Array(capacity);
    this.#sums = new Float64Array(capacity);
  }

  values(length: number): Float32Array {
    return this.#values.subarray(0, length);
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
}
