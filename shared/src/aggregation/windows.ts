import type { ExpectedTensor } from '../admission/expected-tensor.js';
import { elementCount } from '../tensors/host-tensor.js';

/** Values read at once: a fold's sums and one window of an update stay in a core's cache. Shows in no mean. */
export const WINDOW = 1 << 15;

/** A stretch of a tensor's values. */
export interface Stretch {
  start: number;
  length: number;
}

/** Window by window, the only way to go through a tensor whose size somebody else chose. */
export function* windows({ shape }: ExpectedTensor): Generator<Stretch> {
  const count = elementCount(shape);
  for (let start = 0; start < count; start += WINDOW) yield { start, length: Math.min(WINDOW, count - start) };
}

/** The longest window of any of `tensors`. */
export function longestWindow(tensors: readonly ExpectedTensor[]): number {
  return Math.min(WINDOW, Math.max(1, ...tensors.map(({ shape }) => elementCount(shape))));
}
