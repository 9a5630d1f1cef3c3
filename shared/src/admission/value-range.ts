import { roleOf, type ExpectedTensor } from './expected-tensor.js';

/** Both ends are allowed. Every value that takes part in an aggregate lies in the range of its tensor. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

/** How far a parameter may grow in one round: this times the largest value of the base (or 1, where that is larger). */
const PARAMETER_GROWTH = 2 ** 10;
/** Batch statistics and representations are not held back by a learning rate. */
const STATISTIC_GROWTH = 2 ** 20;
/** Voxels of one class that one site can have seen in one round. */
const MAXIMUM_SUPPORT = 2 ** 40;

/** `baseMaximum`: largest absolute value of this tensor in the round's base model. */
export function valueRange(tensor: ExpectedTensor, baseMaximum: number): ValueRange {
  if (!Number.isFinite(baseMaximum))
    throw new RangeError(`tensor ${tensor.name}: expected a finite base, got ${baseMaximum}`);
  const scale = powerOfTwoFrom(Math.max(1, baseMaximum));
  switch (roleOf(tensor)) {
    case 'parameter':
      return { low: -scale * PARAMETER_GROWTH, high: scale * PARAMETER_GROWTH };
    case 'statistic':
    case 'class-means':
      return { low: -scale * STATISTIC_GROWTH, high: scale * STATISTIC_GROWTH };
    case 'variance':
    case 'class-spread':
      return { low: 0, high: scale * STATISTIC_GROWTH };
    case 'class-support':
    case 'prototype-support':
      return { low: 0, high: MAXIMUM_SUPPORT };
  }
}

/** The smallest power of two that is at least `value`; `value` is positive and finite. */
export function powerOfTwoFrom(value: number): number {
  let power = 2 ** Math.ceil(Math.log2(value));
  // The logarithm is rounded: step back onto the right power.
  if (power < value) power *= 2;
  else if (power / 2 >= value) power /= 2;
  return power;
}
