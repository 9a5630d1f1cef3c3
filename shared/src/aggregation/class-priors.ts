import { CLASS_MEANS, CLASS_SPREAD, CLASS_SUPPORT } from '../admission/expected-tensor.js';
import { ExactMean } from './exact-sum.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

export interface ClassPriors {
  /** [classes, representation] */
  means: Float32Array;
  /** Variance of the representation about its mean [classes, representation]. */
  spread: Float32Array;
  /** [classes]: voxels that stand behind each mean, whole numbers. */
  support: Float32Array;
}

/**
 * Mean and variance of the representation per class over the voxels of all sites: each site counts by its voxels of that
 * class, not by its weight. The variance is that of the voxels taken together: the mean of the sites' variances plus the
 * variance of their means. A class that no site saw keeps what the base has.
 */
export function poolClassPriors(
  base: TensorSource,
  updates: readonly WeightedUpdate[],
  classes: number,
  width: number,
): ClassPriors {
  const pooled = readPriors(base, classes, width);
  const sites = updates.map(({ source }) => readPriors(source, classes, width));
  for (let c = 0; c < classes; c++) {
    const seen = sites.filter(({ support }) => support[c] > 0);
    if (seen.length === 0) continue;
    const rowOf = (values: Float32Array) => values.subarray(c * width, (c + 1) * width);
    const means = pooledRow(seen, c, width, (site) => rowOf(site.means));
    const spread = pooledRow(seen, c, width, (site) => {
      const [variance, mean] = [rowOf(site.spread), rowOf(site.means)];
      return Float64Array.from(variance, (value, i) => value + (mean[i] - means[i]) ** 2);
    });
    pooled.means.set(means, c * width);
    pooled.spread.set(spread, c * width);
    pooled.support[c] = seen.reduce((sum, { support }) => sum + support[c], 0);
  }
  return pooled;
}

function pooledRow(
  sites: readonly ClassPriors[],
  c: number,
  width: number,
  termsOf: (site: ClassPriors) => Float32Array | Float64Array,
): Float32Array {
  const mean = new ExactMean(width);
  for (const site of sites) mean.measure(termsOf(site), site.support[c]);
  for (const site of sites) mean.add(termsOf(site), site.support[c]);
  return mean.mean();
}

function readPriors(source: TensorSource, classes: number, width: number): ClassPriors {
  const means = new Float32Array(classes * width);
  const spread = new Float32Array(classes * width);
  const support = new Float32Array(classes);
  source.read(CLASS_MEANS, 0, means);
  source.read(CLASS_SPREAD, 0, spread);
  source.read(CLASS_SUPPORT, 0, support);
  return { means, spread, support: support.map(Math.round) };
}
