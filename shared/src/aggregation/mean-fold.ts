import { createKernel, type ArrayKernel } from '../vector/array-kernel.js';
import type { FoldWindow, WindowFold } from './aggregation-rule.js';
import { gridShift } from './exact-sum.js';

/** The exact weighted mean. */
export class MeanFold implements WindowFold {
  readonly #kernel: ArrayKernel;
  #length = 0;
  #shift = 0;
  #totalWeight = 0;

  constructor(capacity: number) {
    this.#kernel = createKernel(capacity);
  }

  begin({ range, totalWeight, length }: FoldWindow): void {
    this.#kernel.clearSums(length);
    this.#length = length;
    this.#shift = gridShift(Math.max(-range.low, range.high), totalWeight);
    this.#totalWeight = totalWeight;
  }

  place(): Float32Array {
    return this.#kernel.values(this.#length);
  }

  add(weight: number): void {
    this.#kernel.addTerms(this.#length, weight, this.#shift);
  }

  finish(): Float32Array {
    this.#kernel.divide(this.#length, this.#totalWeight);
    return this.#kernel.values(this.#length);
  }
}
