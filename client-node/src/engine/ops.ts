import type { DType, Shape, Tensor, Variable } from './tensor.js';

/** How a convolution or pooling window moves. SAME pads with zeros (more behind than before), VALID does not. */
export interface Window {
  readonly stride: 1 | 2;
  readonly padding: 'SAME' | 'VALID';
}

/** What batch norm's backward pass needs of its forward pass; an engine's own content, disposed of by the caller. */
export interface NormMoments {
  /** Mean of the batch [c]. */
  readonly mean: Tensor;
  /** Unbiased variance of the batch [c], as running statistics take it. */
  readonly variance: Tensor;
  readonly reserved: readonly Tensor[];
}

export interface MomentumSettings {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** A tensor, or a number that stands for a scalar of the other operand's type. */
export type Operand = Tensor | number;

/**
 * The primitive operations that CRLN is written in; the network knows nothing else of TensorFlow.
 *
 * Every returned handle is new and the caller's to dispose of; arguments stay alive and unchanged, unless a
 * method says that it works in place. Results have the first argument's dtype unless stated. Calls are synchronous
 * to the caller. A wrong shape throws. Gradients are named after the derivative that they return.
 */
export interface Ops {
  readonly name: string;

  // Borders

  /** A float32 or int32 tensor by the array's type; the values are copied. */
  fromHost(values: Float32Array | Int32Array, shape: Shape): Tensor;
  /** float32 (also from bfloat16) or int32 values, copied. Waits until they are computed. */
  toHost(x: Tensor): Float32Array | Int32Array;
  dispose(...tensors: Tensor[]): void;
  /** Runs `body` and disposes of every handle made in it, except those in the handle, array or object it returns. */
  tidy<T>(body: () => T): T;
  /** Handles that are alive: constant from step to step unless something leaks. Cached constants do not count. */
  tensorCount(): number;
  cast(x: Tensor, dtype: DType): Tensor;

  // Windows over volumes: x [b, h, w, d, in], filter [kh, kw, kd, in, out], y [b, h', w', d', out]

  conv3d(x: Tensor, filter: Tensor, window: Window): Tensor;
  /** d/dx, shaped `inputShape`. Also a transposed convolution, with the filter as [kh, kw, kd, out, in]. */
  conv3dInputGrad(inputShape: Shape, filter: Tensor, dy: Tensor, window: Window): Tensor;
  conv3dFilterGrad(x: Tensor, filterShape: Shape, dy: Tensor, window: Window): Tensor;
  /** Maximum over 2x2x2, stride 2; sides are even. */
  maxPool3d(x: Tensor): Tensor;
  maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor;

  // Normalisation over all axes but the last, x [..., c]

  /** gamma * (x - mean) / sqrt(biased variance + epsilon) + beta with the batch's own moments; gamma, beta [c] float32. */
  batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; moments: NormMoments };
  batchNormGrad(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    moments: NormMoments,
    epsilon: number,
  ): { dx: Tensor; dgamma: Tensor; dbeta: Tensor };
  /** The same with given moments [c] (variance as stored, no correction). */
  batchNormInference(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor;

  // Elementwise

  relu(x: Tensor): Tensor;
  /** d/dx from the forward pass's result y: dy where y > 0. */
  reluGrad(dy: Tensor, y: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  erf(x: Tensor): Tensor;
  /** Binary operations broadcast as NumPy's do. */
  add(a: Tensor, b: Operand): Tensor;
  sub(a: Tensor, b: Operand): Tensor;
  mul(a: Tensor, b: Operand): Tensor;
  div(a: Tensor, b: Operand): Tensor;
  maximum(a: Tensor, b: Operand): Tensor;
  /** float32: 1 where a > b, else 0. */
  greater(a: Tensor, b: Operand): Tensor;
  /** float32: 1 where a >= b, else 0. */
  greaterEqual(a: Tensor, b: Operand): Tensor;

  // Along axes

  /** Axes are counted from 0; without `keepDims` they vanish. */
  sum(x: Tensor, axes: readonly number[], keepDims?: boolean): Tensor;
  mean(x: Tensor, axes: readonly number[], keepDims?: boolean): Tensor;
  max(x: Tensor, axes: readonly number[], keepDims?: boolean): Tensor;
  /** Index of the largest value along an axis, which vanishes; int32. The first of equals. */
  argMax(x: Tensor, axis: number): Tensor;
  /** Along the last axis. */
  softmax(x: Tensor): Tensor;
  /** Along the last axis. */
  logSoftmax(x: Tensor): Tensor;
  /** int32 [...] -> float32 [..., depth]; an index outside 0..depth-1 gives zeros. */
  oneHot(indices: Tensor, depth: number): Tensor;

  // Products and layout

  /** [..., n, k] x [..., k, m] -> [..., n, m] after the asked transposes; leading axes broadcast. Rank 2 or more. */
  matMul(a: Tensor, b: Tensor, options?: { transposeA?: boolean; transposeB?: boolean }): Tensor;
  reshape(x: Tensor, shape: Shape): Tensor;
  transpose(x: Tensor, permutation: readonly number[]): Tensor;
  broadcastTo(x: Tensor, shape: Shape): Tensor;
  concat(xs: readonly Tensor[], axis: number): Tensor;
  slice(x: Tensor, begin: Shape, size: Shape): Tensor;
  /** Zeros around; `before` and `after` hold one number per axis. */
  pad(x: Tensor, before: Shape, after: Shape): Tensor;
  /** Rows of x [n, f] at int32 indices [...] -> [..., f]. */
  gatherRows(x: Tensor, indices: Tensor): Tensor;
  /** [n, f] of zeros, to which row i of rows [m, f] is added at int32 indices[i] [m]; equal indices add up. */
  scatterAddRows(rows: Tensor, indices: Tensor, n: number): Tensor;

  // Variables: float32, updated in place

  variable(values: Float32Array, shape: Shape): Variable;
  /**
   * The present value, in the engine's own type of real numbers or in another. Lent: it belongs to the variable, is valid up to
   * its next update, does not count as alive and is never disposed of.
   */
  read(variable: Variable, dtype?: DType): Tensor;
  assign(variable: Variable, value: Tensor): void;
  release(...variables: Variable[]): void;
  /** Nesterov's momentum with weight decay as PyTorch's SGD has it: g += decay w; v = m v + g; w -= rate (g + m v). */
  applyMomentum(weights: Variable, velocity: Variable, gradient: Tensor, settings: MomentumSettings): void;
  /** average = decay average + (1 - decay) value. */
  applyAverage(average: Variable, value: Tensor, decay: number): void;
}
