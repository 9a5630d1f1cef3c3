import type { AggregationRule } from './aggregation-rule.js';
import { SortedFold } from './sorted-fold.js';

/** The mean of each value without the largest and the smallest (Yin et al. 2018, arXiv 1803.01498). `trim`: below 0.5. */
export function trimmedMean({ trim }: { trim: number }): AggregationRule {
  const cut = (count: number) => Math.floor(trim * count);
  return { createFold: (capacity, updates) => new SortedFold(capacity, updates, cut), statistics: 'folded' };
}
