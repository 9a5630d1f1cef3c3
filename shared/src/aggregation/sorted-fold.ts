import { createKernel, type ArrayKernel } from '../vector/array-kernel.js';
import type { FoldWindow, WindowFold } from './aggregation-rule.js';

/** The mean of what is left of each value when the updates' values are sorted and both ends cut off. Weights do not count. */
export class SortedFold implements WindowFold {
  readonly #kernel: ArrayKernel;
  #length = 0;
  #count = 0;

  /** `cut`: how many of `count` values to leave out at either end; at least one remains. */
  constructor(
    capacity: number,
    updates: number,
    private readonly cut: (count: number) => number,
  ) {
    this.#kernel = createKernel(capacity, updates);
  }

  begin({ length }: FoldWindow): void {
    this.#length = length;
    this.#count = 0;
  }

  place(): Float32Array {
    return this.#kernel.values(this.#length, this.#count);
  }

  add(): void {
    this.#count++;
  }

  finish(): Float32Array {
    const [kernel, length, count] = [this.#kernel, this.#length, this.#count];
    for (const [low, high] of mergeExchange(count)) kernel.order(length, low, high);
    const cut = this.cut(count);
    kernel.clearSums(length);
    for (let row = cut; row < count - cut; row++) {
      if (row > 0) kernel.values(length).set(kernel.values(length, row));
      // A grid of 0 rounds nothing: sorted values come in one order only.
      kernel.addTerms(length, 1, 0);
    }
    kernel.divide(length, count - 2 * cut);
    return kernel.values(length);
  }
}

/** Which rows to put in order, pair by pair, so that all are (Batcher 1968, in Knuth's form 5.2.2M for any count). */
function mergeExchange(count: number): [number, number][] {
  const pairs: [number, number][] = [];
  const top = 2 ** (Math.ceil(Math.log2(Math.max(2, count))) - 1);
  for (let p = top; p >= 1; p /= 2) {
    for (let q = top, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p) {
      for (let i = 0; i + d < count; i++) if ((i & p) === r) pairs.push([i, i + d]);
      if (q === p) break;
    }
  }
  return pairs;
}
