import type { ExpectedTensor } from '../admission/expected-tensor.js';
import { createKernel } from '../vector/array-kernel.js';
import type { TensorSource } from './tensor-source.js';
import { longestWindow, windows } from './windows.js';

/**
 * Squared L2 distances over all values of `tensors` between the pairs (numbers of sources), added up window by window: in
 * memory is one window of every source. Depends on a pair's two sources only.
 */
export function squaredDistances(
  sources: readonly TensorSource[],
  pairs: readonly (readonly [number, number])[],
  tensors: readonly ExpectedTensor[],
): number[] {
  const kernel = createKernel(longestWindow(tensors), sources.length);
  const distances = pairs.map(() => 0);
  for (const tensor of tensors) {
    for (const { start, length } of windows(tensor)) {
      sources.forEach((source, row) => source.read(tensor.name, start, kernel.values(length, row)));
      pairs.forEach(([one, other], i) => (distances[i] += kernel.squaredDistance(length, one, other)));
    }
  }
  return distances;
}
