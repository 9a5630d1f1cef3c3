import { CLASS_MEANS, CLASS_SUPPORT } from '../admission/expected-tensor.js';
import { ExactMean } from './exact-sum.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

export interface ClassPriors {
  /** [classes, representation] */
  means: Float32Array;
  /** [classes]: voxels that stand behind each mean, whole numbers. */
  support: Float32Array;
}

/**
 * Mean representation per class over the voxels of all sites: each site's mean counts by its voxels of that class,
 * not by the site's weight. A class that no site saw keeps the base's mean and support.
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
    const mean = new ExactMean(width);
    for (const { means, support } of seen) mean.measure(means.subarray(c * width, (c + 1) * width), support[c]);
    for (const { means, support } of seen) mean.add(means.subarray(c * width, (c + 1) * width), support[c]);
    pooled.means.set(mean.mean(), c * width);
    pooled.support[c] = seen.reduce((sum, { support }) => sum + support[c], 0);
  }
  return pooled;
}

function readPriors(source: TensorSource, classes: number, width: number): ClassPriors {
  const means = new Float32Array(classes * width);
  const support = new Float32Array(classes);
  source.read(CLASS_MEANS, 0, means);
  source.read(CLASS_SUPPORT, 0, support);
  return { means, support: support.map(Math.round) };
}
