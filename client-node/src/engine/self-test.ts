import { Random } from '@consilium/shared';
import type { Ops, Window } from './ops.js';
import { sizeOf, type Shape, type Tensor } from './tensor.js';

/** Relative difference of an analytic and a numeric directional derivative; single precision reaches about 1e-4. */
export interface GradientCheck {
  analytic: number;
  numeric: number;
  relativeError: number;
}

export const LARGEST_GRADIENT_ERROR = 5e-3;

const window: Window = { stride: 1, padding: 'SAME' };
const epsilon = 1e-5;
const xShape = [1, 6, 6, 6, 3];
const filterShape = [3, 3, 3, 3, 4];
const yShape = [1, 6, 6, 6, 4];

/** Differentiates sum(dy * relu(norm(conv3d(x, w)))) along a random direction of w, by backward pass and by steps. */
export function checkGradient(ops: Ops): GradientCheck {
  const draw = (shape: Shape, label: string): Float32Array => {
    const random = Random.from(11, 'self-test', label);
    return Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
  };
  const [filter, direction, dy] = [draw(filterShape, 'filter'), draw(filterShape, 'direction'), draw(yShape, 'dy')];
  const x = ops.fromHost(draw(xShape, 'x'), xShape);
  const gamma = ops.fromHost(new Float32Array(4).fill(1), [4]);
  const beta = ops.fromHost(new Float32Array(4).fill(0.1), [4]);
  const upstream = ops.fromHost(dy, yShape);
  const analytic = dot(filterGradient(ops, { x, gamma, beta, upstream }, filter), direction);
  const loss = (step: number): number => {
    const moved = filter.map((value, i) => value + step * direction[i]);
    return dot(forward(ops, { x, gamma, beta }, moved), dy);
  };
  const step = 1e-3;
  const numeric = (loss(step) - loss(-step)) / (2 * step);
  ops.dispose(x, gamma, beta, upstream);
  return { analytic, numeric, relativeError: Math.abs(analytic - numeric) / Math.max(Math.abs(numeric), 1e-6) };
}

type Inputs = Record<'x' | 'gamma' | 'beta', Tensor>;

function forward(ops: Ops, { x, gamma, beta }: Inputs, filter: Float32Array): Float32Array {
  const y = ops.tidy(() => {
    const convolved = ops.conv3d(x, ops.fromHost(filter, filterShape), window);
    return ops.relu(ops.batchNorm(convolved, gamma, beta, epsilon).y);
  });
  const values = ops.toHost(y) as Float32Array;
  ops.dispose(y);
  return values;
}

function filterGradient(ops: Ops, inputs: Inputs & { upstream: Tensor }, filter: Float32Array): Float32Array {
  const { x, gamma, beta, upstream } = inputs;
  const gradient = ops.tidy(() => {
    const convolved = ops.conv3d(x, ops.fromHost(filter, filterShape), window);
    const { y, moments } = ops.batchNorm(convolved, gamma, beta, epsilon);
    const dNorm = ops.reluGrad(upstream, ops.relu(y));
    const { dx } = ops.batchNormGrad(dNorm, convolved, gamma, moments, epsilon);
    return ops.conv3dFilterGrad(x, filterShape, dx, window);
  });
  const values = ops.toHost(gradient) as Float32Array;
  ops.dispose(gradient);
  return values;
}

/** In double precision: the difference of two nearly equal sums follows. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** One convolution with both gradients on a block as training has it: `side`^3 voxels, `channels` in and out. */
export function measureConvolution(ops: Ops, side: number, channels: number, milliseconds: number): number {
  const shape = [1, side, side, side, channels];
  const taps = [3, 3, 3, channels, channels];
  const x = ops.fromHost(new Float32Array(sizeOf(shape)).fill(0.5), shape);
  const filter = ops.fromHost(new Float32Array(sizeOf(taps)).fill(0.01), taps);
  const began = performance.now();
  let best = Infinity;
  for (let runs = 0; runs < 2 || performance.now() - began < milliseconds; runs++) {
    const start = performance.now();
    ops.tidy(() => {
      const y = ops.conv3d(x, filter, window);
      ops.toHost(ops.sum(ops.conv3dFilterGrad(x, taps, y, window), [0, 1, 2, 3, 4]));
      ops.toHost(ops.sum(ops.conv3dInputGrad(shape, filter, y, window), [0, 1, 2, 3, 4]));
    });
    best = Math.min(best, performance.now() - start);
  }
  ops.dispose(x, filter);
  // A multiplication and an addition per product, three products of the same size.
  return (3 * 2 * side ** 3 * 27 * channels * channels) / (best * 1e6);
}
