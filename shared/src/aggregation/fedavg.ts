import type { AggregationRule } from './aggregation-rule.js';
import { MeanFold } from './mean-fold.js';

/** Weighted mean of the updates (McMahan et al. 2017, arXiv 1602.05629). */
export function fedAvg(): AggregationRule {
  return { createFold: (capacity) => new MeanFold(capacity), statistics: 'pooled' };
}
