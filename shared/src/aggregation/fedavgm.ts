import type { AggregationRule } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';

/** Momentum on the server (Hsu, Qi, Brown 2019, arXiv 1909.06335): v = momentum v + (base - mean); w = base - rate v. */
export function fedAvgM({ rate, momentum }: { rate: number; momentum: number }): AggregationRule {
  const step = (values: Float32Array, base: Float32Array, state: Float32Array): void => {
    for (let i = 0; i < values.length; i++) {
      state[i] = momentum * state[i] + (base[i] - values[i]);
      values[i] = base[i] - rate * state[i];
    }
  };
  return { ...fedAvg(), optimiser: { initial: [0], step } };
}
