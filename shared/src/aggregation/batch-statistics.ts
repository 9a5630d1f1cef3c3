import { ExactMean } from './exact-sum.js';
import type { WeightedUpdate } from './tensor-source.js';

/** Weighted mean of `out.length` values of one tensor, from number `start` on. */
export function poolStatistic(
  updates: readonly WeightedUpdate[],
  name: string,
  start: number,
  out: Float32Array,
): void {
  const values = new Float32Array(out.length);
  poolTerms(updates, out, ({ source }) => {
    source.read(name, start, values);
    return values;
  });
}

/**
 * Variance of the updates' batches taken together, by the law of total variance: the mean of the variances plus the
 * variance of the means. Terms are var_i + (mean_i - m)^2 with m the pooled mean, so that nothing cancels and the
 * result cannot be negative. `mean` and `variance` are the names of the two tensors.
 */
export function poolVariance(
  updates: readonly WeightedUpdate[],
  { mean, variance }: { mean: string; variance: string },
  start: number,
  out: Float32Array,
): void {
  const pooled = new Float32Array(out.length);
  poolStatistic(updates, mean, start, pooled);
  const means = new Float32Array(out.length);
  const variances = new Float32Array(out.length);
  const terms = new Float64Array(out.length);
  poolTerms(updates, out, ({ source }) => {
    source.read(mean, start, means);
    source.read(variance, start, variances);
    for (let i = 0; i < terms.length; i++) terms[i] = variances[i] + (means[i] - pooled[i]) ** 2;
    return terms;
  });
}

function poolTerms(
  updates: readonly WeightedUpdate[],
  out: Float32Array,
  termsOf: (update: WeightedUpdate) => Float32Array | Float64Array,
): void {
  const pool = new ExactMean(out.length);
  for (const update of updates) pool.measure(termsOf(update), update.weight);
  for (const update of updates) pool.add(termsOf(update), update.weight);
  out.set(pool.mean());
}
