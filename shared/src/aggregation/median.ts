import type { AggregationRule } from './aggregation-rule.js';
import { SortedFold } from './sorted-fold.js';

/** The median of each value, of an even count the mean of the middle two (Yin et al. 2018, arXiv 1803.01498). */
export function coordinateMedian(): AggregationRule {
  const cut = (count: number) => Math.ceil(count / 2) - 1;
  return { createFold: (capacity, updates) => new SortedFold(capacity, updates, cut), statistics: 'folded' };
}
