import type { ExpectedTensor } from '../admission/expected-tensor.js';
import type { ValueRange } from '../admission/value-range.js';
import type { AggregationSettings } from '../protocol/study.js';

/** A stretch of one parameter tensor, folded over all updates before the next one begins. */
export interface FoldWindow {
  tensor: ExpectedTensor;
  /** Admission has held every value of every update to it. */
  range: ValueRange;
  /** Sum of the updates' weights, whole numbers. */
  totalWeight: number;
  length: number;
  /** The base model's values in this window; valid until the next window. Read only when asked for. */
  base(): Float32Array;
}

/** One window's fold: begin; then place and add for every update; then finish; then begin again for another window. */
export interface WindowFold {
  begin(window: FoldWindow): void;
  /** Where the caller puts the next update's values (window.length), which the fold then owns. */
  place(): Float32Array;
  /** Takes in the values in place. `weight` is a whole number above 0. */
  add(weight: number): void;
  /** The new values (window.length), valid until the next begin. The same updates in any order give the same bits. */
  finish(): Float32Array;
}

/**
 * How parameters (weights, prototypes, scalars) of updates become the next model. Batch-norm statistics and prototype
 * priors are measurements, not parameters: they are pooled in one way whatever the rule.
 */
export interface AggregationRule {
  readonly name: AggregationSettings['rule'];
  /** `capacity`: the longest window that the fold will be given. */
  createFold(capacity: number): WindowFold;
}
