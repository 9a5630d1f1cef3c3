import type { ExpectedTensor } from '../admission/expected-tensor.js';
import type { ValueRange } from '../admission/value-range.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

/** A stretch of one parameter tensor, folded over all updates before the next one begins. */
export interface FoldWindow {
  /** Admission has held every value of every update to it. */
  range: ValueRange;
  /** Sum of the updates' weights, whole numbers. */
  totalWeight: number;
  length: number;
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

/** The server's own step: it takes the folded values for a direction, and remembers. One value does not see another. */
export interface ServerOptimiser {
  /** First values of what is kept for each parameter, one number for each kind (momentum, second moment). */
  readonly initial: readonly number[];
  /**
   * `values`: what the fold gave; the new parameters when this returns. `state` [values, kinds], likewise in place.
   * Arithmetic that is the same on every machine: + - * / and square roots.
   */
  step(values: Float32Array, base: Float32Array, state: Float32Array): void;
}

/** All updates of a round, for a rule that has to see them whole before anything is folded. */
export interface WholeRound {
  base: TensorSource;
  updates: readonly WeightedUpdate[];
  /** Those that the rule folds. */
  parameters: readonly ExpectedTensor[];
}

/**
 * How parameters (weights, prototypes, scalars) of updates become the next model: choose among the updates, fold those
 * chosen value by value, step. Each of the three depends on the set of updates, not on its order.
 */
export interface AggregationRule {
  /** Which updates take part and in what form. Absent: all, as they came. Throws where they are too few for the rule. */
  readonly select?: (round: WholeRound) => readonly WeightedUpdate[];
  /** `capacity`: the longest window that the fold will be given; `updates`: the most that it will be given for one. */
  readonly createFold: (capacity: number, updates: number) => WindowFold;
  /** Absent: what is folded is the new model. */
  readonly optimiser?: ServerOptimiser;
  /**
   * Batch-norm statistics are measurements: they are pooled by weight, except under a rule that bounds what one update can
   * do by its fold, which then folds them as well.
   */
  readonly statistics: 'pooled' | 'folded';
}
