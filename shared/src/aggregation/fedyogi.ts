import { adaptiveStep, type AdaptiveSettings } from './adaptive-step.js';
import type { AggregationRule } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';

/** The second moment moves towards the square by a share of the square, so that it does not forget at once. */
export function fedYogi(settings: AdaptiveSettings): AggregationRule {
  const { secondDecay } = settings;
  const second = (former: number, square: number) => former - (1 - secondDecay) * square * Math.sign(former - square);
  return { ...fedAvg(), optimiser: adaptiveStep(settings, second) };
}
