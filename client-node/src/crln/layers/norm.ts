import type { NormMoments } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Pass } from './layer.js';

/** A normalisation between a convolution and its ReLU. */
export interface Norm {
  /** Leaves x to the caller. No moments come from a pass that used running ones. */
  apply(x: Tensor, pass: Pass): { y: Tensor; moments: readonly NormMoments[] };
  /** dLoss/dx; takes dy and the moments over, leaves x to the caller. */
  backward(dy: Tensor, x: Tensor, moments: readonly NormMoments[]): Tensor;
}

export const EPSILON = 1e-5;

/** Handles of moments, to dispose of. */
export function momentTensors(moments: readonly NormMoments[]): Tensor[] {
  return moments.flatMap(({ mean, variance, reserved }) => [mean, variance, ...reserved]);
}
