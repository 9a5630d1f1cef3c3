import type { AggregationRule, FoldWindow, WindowFold } from './aggregation-rule.js';
import { addTerms, gridShift } from './exact-sum.js';

/** Weighted mean of the updates (McMahan et al. 2017, arXiv 1602.05629). */
export const fedAvg: AggregationRule = {
  name: 'fedavg',
  createFold: (capacity) => new WeightedMeanFold(capacity),
};

class WeightedMeanFold implements WindowFold {
  readonly #room: Float64Array;
  #sums: Float64Array = new Float64Array(0);
  #shift = 0;
  #totalWeight = 0;

  constructor(capacity: number) {
    this.#room = new Float64Array(capacity);
  }

  begin({ range, totalWeight, length }: FoldWindow): void {
    this.#sums = this.#room.subarray(0, length).fill(0);
    this.#shift = gridShift(Math.max(-range.low, range.high), totalWeight);
    this.#totalWeight = totalWeight;
  }

  add(values: Float32Array, weight: number): void {
    addTerms(this.#sums, values, weight, this.#shift);
  }

  finish(out: Float32Array): void {
    for (let i = 0; i < out.length; i++) out[i] = this.#sums[i]! / this.#totalWeight;
  }
}
