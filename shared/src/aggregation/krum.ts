import type { AggregationRule, WholeRound } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';
import { squaredDistances } from './squared-distances.js';
import type { WeightedUpdate } from './tensor-source.js';

/**
 * Krum and multi-Krum (Blanchard et al. 2017): of n updates the `kept` ones that lie nearest to their n - faulty - 2 nearest
 * neighbours, averaged by weight; all of those that tie for the last place, so that no order of updates shows.
 */
export function krum({ faulty, kept }: { faulty: number; kept: number }): AggregationRule {
  const select = ({ updates, parameters }: WholeRound): WeightedUpdate[] => {
    const count = updates.length;
    if (count < 2 * faulty + 3) {
      throw new RangeError(
        `Krum against ${faulty} faulty updates: expected at least ${2 * faulty + 3} updates, got ${count}`,
      );
    }
    const pairs = updates.flatMap((_, i) => updates.slice(i + 1).map((_, j) => [i, i + 1 + j] as const));
    const sources = updates.map(({ source }) => source);
    const distances = squaredDistances(sources, pairs, parameters);
    const scores = updates.map((_, i) => {
      const own = distances.filter((_, k) => pairs[k].includes(i)).sort((a, b) => a - b);
      return own.slice(0, count - faulty - 2).reduce((sum, distance) => sum + distance, 0);
    });
    if (!scores.every(Number.isFinite)) throw new RangeError(`Krum: expected finite values, got ${scores.join(', ')}`);
    const highest = [...scores].sort((a, b) => a - b)[Math.min(kept, count - faulty) - 1];
    return updates.filter((_, i) => scores[i] <= highest);
  };
  return { ...fedAvg(), select };
}
