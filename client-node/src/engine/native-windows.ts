import type { Window } from './ops.js';
import type { Shape, Tensor } from './tensor.js';

/*
 * What TensorFlow 2.21 on a CPU (oneDNN, AVX-512) does not compute well of convolutions, and the ops therefore ask for in
 * another way. The contract suite holds each case against the reference.
 */

/** Height up to which filter gradients in bfloat16 are wrong, and sometimes NaN, as at the bottom of a network with patches 32 high. */
const THIN = 2;
/** Channels up to which the gradient of the input in float32 is slower than a convolution with the filter turned. */
const FEW_CHANNELS = 64;

/** Convolutions in bfloat16 are wrong where they read an odd number of channels, such as an image's one (seen on an AMD EPYC). */
export function isWrongForward(x: Tensor): boolean {
  return x.dtype === 'bfloat16' && x.shape[4] % 2 === 1;
}

export function isWrongFilterGrad(x: Tensor): boolean {
  return x.dtype === 'bfloat16' && x.shape[1] <= THIN;
}

/** Whether d/dx is better asked for as the convolution of dy with the turned filter. */
export function isFasterTurned({ dtype, shape }: Tensor, { stride, padding }: Window): boolean {
  if (stride !== 1 || padding !== 'SAME' || dtype === 'bfloat16') return false;
  // SAME pads an odd side alike on both ends, so that turning the filter turns the padding with it.
  const sides: Shape = shape.slice(0, 3);
  if (sides.some((side) => side % 2 === 0) || sides.every((side) => side === 1)) return false;
  return shape[3] <= FEW_CHANNELS && shape[4] <= FEW_CHANNELS;
}
