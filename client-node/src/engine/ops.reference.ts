import type { Window } from './ops.js';
import type { Shape } from './tensor.js';

/** The slowest possible definitions, in double precision: what the ops are compared with. Arrays are C-ordered. */
export type Values = ArrayLike<number>;

/** Lowest input index that an output index sees, per axis; SAME puts the odd row of padding behind. */
function windowStart(side: number, taps: number, { stride, padding }: Window): { outputs: number; before: number } {
  if (padding === 'VALID') return { outputs: Math.floor((side - taps) / stride) + 1, before: 0 };
  const outputs = Math.ceil(side / stride);
  return { outputs, before: Math.floor(Math.max((outputs - 1) * stride + taps - side, 0) / 2) };
}

export function conv3dShape(x: Shape, filter: Shape, window: Window): number[] {
  const sides = [1, 2, 3].map((axis) => windowStart(x[axis], filter[axis - 1], window).outputs);
  return [x[0], ...sides, filter[4]];
}

type Tap = (x: number, filter: number, y: number) => void;

/** Calls `visit` with the flat indices of every product that makes up a convolution: y[.] += x[.] * filter[.]. */
function eachProduct(xShape: Shape, filterShape: Shape, window: Window, visit: Tap): void {
  const [batches, h, w, d, channels] = xShape;
  const [kh, kw, kd, , outputs] = filterShape;
  const [, yh, yw, yd] = conv3dShape(xShape, filterShape, window);
  const before = [h, w, d].map((side, axis) => windowStart(side, filterShape[axis], window).before);
  for (const [b, i, j, k] of ranges(batches, yh, yw, yd)) {
    for (const [ti, tj, tk, c, o] of ranges(kh, kw, kd, channels, outputs)) {
      const [x, y, z] = [
        i * window.stride + ti - before[0],
        j * window.stride + tj - before[1],
        k * window.stride + tk - before[2],
      ];
      if (x < 0 || y < 0 || z < 0 || x >= h || y >= w || z >= d) continue;
      visit(
        (((b * h + x) * w + y) * d + z) * channels + c,
        (((ti * kw + tj) * kd + tk) * channels + c) * outputs + o,
        (((b * yh + i) * yw + j) * yd + k) * outputs + o,
      );
    }
  }
}

export function conv3d(x: Values, xShape: Shape, filter: Values, filterShape: Shape, window: Window): number[] {
  const y = zeros(conv3dShape(xShape, filterShape, window));
  eachProduct(xShape, filterShape, window, (at, tap, to) => {
    y[to] += x[at] * filter[tap];
  });
  return y;
}

export function conv3dInputGrad(
  xShape: Shape,
  filter: Values,
  filterShape: Shape,
  dy: Values,
  window: Window,
): number[] {
  const dx = zeros(xShape);
  eachProduct(xShape, filterShape, window, (at, tap, to) => {
    dx[at] += dy[to] * filter[tap];
  });
  return dx;
}

export function conv3dFilterGrad(x: Values, xShape: Shape, filterShape: Shape, dy: Values, window: Window): number[] {
  const gradient = zeros(filterShape);
  eachProduct(xShape, filterShape, window, (at, tap, to) => {
    gradient[tap] += dy[to] * x[at];
  });
  return gradient;
}

/** Indices of the maxima of 2x2x2 blocks of x [b, h, w, d, c], in the order of the output. */
export function maxPool3dChoices(x: Values, shape: Shape): number[] {
  const [batches, h, w, d, channels] = shape;
  const blocks = [...ranges(batches, h / 2, w / 2, d / 2, channels)];
  return blocks.map(([b, i, j, k, c]) => {
    const corners = [...ranges(2, 2, 2)].map(
      ([p, q, r]) => (((b * h + 2 * i + p) * w + 2 * j + q) * d + 2 * k + r) * channels + c,
    );
    return corners.reduce((best, corner) => (x[corner] > x[best] ? corner : best));
  });
}

/** Mean and biased variance per channel of x [..., c]. */
export function channelMoments(x: Values, channels: number): { mean: number[]; variance: number[] } {
  const rows = x.length / channels;
  const mean = zeros([channels]);
  const variance = zeros([channels]);
  for (let i = 0; i < x.length; i++) mean[i % channels] += x[i] / rows;
  for (let i = 0; i < x.length; i++) variance[i % channels] += (x[i] - mean[i % channels]) ** 2 / rows;
  return { mean, variance };
}

export function batchNorm(x: Values, gamma: Values, beta: Values, epsilon: number): number[] {
  const channels = gamma.length;
  const { mean, variance } = channelMoments(x, channels);
  return Array.from(x, (value, i) => {
    const c = i % channels;
    return (gamma[c] * (value - mean[c])) / Math.sqrt(variance[c] + epsilon) + beta[c];
  });
}

/** d f / d x by central differences; f must compute in double precision. */
export function numericGradient(f: (x: number[]) => number, x: Values, step = 1e-5): number[] {
  return Array.from(x, (_, i) => {
    const moved = (by: number): number[] => Array.from(x, (value, j) => (j === i ? value + by : value));
    return (f(moved(step)) - f(moved(-step))) / (2 * step);
  });
}

export function dot(a: Values, b: Values): number {
  return Array.from(a, (value, i) => value * b[i]).reduce((sum, product) => sum + product, 0);
}

function zeros(shape: Shape): number[] {
  return new Array<number>(shape.reduce((product, side) => product * side, 1)).fill(0);
}

/** Every index tuple below `sides`, the last axis fastest. */
function* ranges(...sides: number[]): Generator<number[]> {
  if (sides.length === 0) {
    yield [];
    return;
  }
  const [first, ...rest] = sides;
  for (let i = 0; i < first; i++) for (const tail of ranges(...rest)) yield [i, ...tail];
}
