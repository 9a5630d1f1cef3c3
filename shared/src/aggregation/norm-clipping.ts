import type { ExpectedTensor } from '../admission/expected-tensor.js';
import type { AggregationRule, WholeRound } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';
import { squaredDistances } from './squared-distances.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

/** Weighted mean of updates whose change is no longer than `maximumNorm` (L2), a longer one being shortened to it. */
export function normClipping({ maximumNorm }: { maximumNorm: number }): AggregationRule {
  const select = ({ base, updates, parameters }: WholeRound): WeightedUpdate[] =>
    updates.map((update) => {
      const [square] = squaredDistances([base, update.source], [[0, 1]], parameters) as [number];
      const share = maximumNorm / Math.sqrt(square);
      return share >= 1 ? update : { ...update, source: shortened(update.source, base, parameters, share) };
    });
  return { ...fedAvg(), select };
}

/** base + share (update - base), which lies between the two. */
function shortened(
  update: TensorSource,
  base: TensorSource,
  parameters: readonly ExpectedTensor[],
  share: number,
): TensorSource {
  const names = new Set(parameters.map(({ name }) => name));
  return {
    read: (name, start, into) => {
      update.read(name, start, into);
      if (!names.has(name)) return;
      const former = new Float32Array(into.length);
      base.read(name, start, former);
      for (let i = 0; i < into.length; i++) into[i] = former[i] + share * (into[i] - former[i]);
    },
  };
}
