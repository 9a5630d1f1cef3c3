import { adaptiveStep, type AdaptiveSettings } from './adaptive-step.js';
import type { AggregationRule } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';

/** The second moment is a running mean of squares. */
export function fedAdam(settings: AdaptiveSettings): AggregationRule {
  const { secondDecay } = settings;
  const optimiser = adaptiveStep(settings, (former, square) => secondDecay * former + (1 - secondDecay) * square);
  return { ...fedAvg(), optimiser };
}
