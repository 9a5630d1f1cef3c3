import type { Ops } from '../../engine/ops.js';
import { sizeOf, type Shape, type Tensor } from '../../engine/tensor.js';

/*
 * Losses work on class planes [C, voxels]: elementwise kernels and reductions run ten times slower where the inner axis is
 * as short as a handful of classes. Every function leaves its arguments to the caller, who owns the result.
 */

/** x [..., C] -> [C, voxels] */
export function toPlanes(ops: Ops, x: Tensor): Tensor {
  const classes = x.shape.at(-1)!;
  return ops.tidy(() => ops.transpose(ops.reshape(x, [sizeOf(x.shape) / classes, classes]), [1, 0]));
}

/** [C, voxels] -> [..., C] */
export function fromPlanes(ops: Ops, planes: Tensor, shape: Shape): Tensor {
  return ops.tidy(() => ops.reshape(ops.transpose(planes, [1, 0]), shape));
}

/** One plane of ones and zeros per class; a label that is no class, such as -1, is 0 in all of them. */
export function labelPlanes(ops: Ops, label: Int32Array, classes: number): Tensor {
  return ops.tidy(() => toPlanes(ops, ops.oneHot(ops.fromHost(label, [label.length]), classes)));
}

/** Logarithm of the softmax over classes. */
export function logSoftmaxOfPlanes(ops: Ops, planes: Tensor): Tensor {
  return ops.tidy(() => {
    const shifted = ops.sub(planes, ops.max(planes, [0], true));
    return ops.sub(shifted, ops.log(ops.sum(ops.exp(shifted), [0], true)));
  });
}
