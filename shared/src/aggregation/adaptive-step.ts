import type { ServerOptimiser } from './aggregation-rule.js';

export interface AdaptiveSettings {
  rate: number;
  /** beta 1 and beta 2 */
  firstDecay: number;
  secondDecay: number;
  /** tau: what keeps a tiny second moment from making a huge step. */
  adaptivity: number;
}

/**
 * Steps scaled by a second moment (Reddi et al. 2021, arXiv 2003.00295, algorithm 2), with d = mean - base:
 * m = beta1 m + (1 - beta1) d; v = `second`(v, d^2); w = base + rate m / (sqrt(v) + tau). v begins at tau^2.
 */
export function adaptiveStep(
  { rate, firstDecay, adaptivity }: AdaptiveSettings,
  second: (former: number, square: number) => number,
): ServerOptimiser {
  return {
    initial: [0, adaptivity * adaptivity],
    step: (values, base, state) => {
      for (let i = 0; i < values.length; i++) {
        const difference = values[i] - base[i];
        const at = 2 * i;
        state[at] = firstDecay * state[at] + (1 - firstDecay) * difference;
        state[at + 1] = second(state[at + 1], difference * difference);
        values[i] = base[i] + (rate * state[at]) / (Math.sqrt(state[at + 1]) + adaptivity);
      }
    },
  };
}
