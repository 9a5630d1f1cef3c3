import { expect, it } from 'vitest';
import { draws, lend, type Bench } from './ops.contract.bench.js';
import type { Window } from './ops.js';
import { conv3dShape } from './ops.reference.js';
import { sizeOf, type Shape, type Tensor } from './tensor.js';

/** bfloat16 keeps 8 bits: a result is off by half a unit of the last of them, and a sum's terms by as much again. */
const TOLERANCE = 2 ** -7;

const WINDOWS: { window: Window; x: number[]; filter: number[] }[] = [
  { window: { stride: 1, padding: 'SAME' }, x: [2, 6, 4, 6, 8], filter: [3, 3, 3, 8, 4] },
  { window: { stride: 1, padding: 'SAME' }, x: [1, 4, 6, 4, 1], filter: [3, 3, 3, 1, 8] },
  { window: { stride: 1, padding: 'SAME' }, x: [1, 4, 4, 4, 3], filter: [3, 3, 3, 3, 2] },
  { window: { stride: 1, padding: 'SAME' }, x: [1, 4, 4, 4, 4], filter: [3, 3, 3, 4, 1] },
  { window: { stride: 1, padding: 'SAME' }, x: [2, 2, 4, 4, 16], filter: [3, 3, 3, 16, 16] },
  { window: { stride: 2, padding: 'VALID' }, x: [2, 4, 6, 4, 8], filter: [2, 2, 2, 8, 16] },
  { window: { stride: 2, padding: 'VALID' }, x: [1, 5, 7, 5, 4], filter: [3, 3, 3, 4, 4] },
];

/** The ops that mixed precision takes: each gives what it gives for the same values in float32, rounded, as bfloat16. */
export function describeBfloat16(env: Bench): void {
  it.each(WINDOWS)('conv3d and its gradients: stride $window.stride, $filter', ({ window, x, filter }) => {
    const y = conv3dShape(x, filter, window);
    expectAlike(env, [x, filter], (a, w) => env.ops.conv3d(a, w, window));
    expectAlike(env, [filter, y], (w, dy) => env.ops.conv3dInputGrad(x, w, dy, window));
    expectAlike(env, [x, y], (a, dy) => env.ops.conv3dFilterGrad(a, filter, dy, window));
  });

  const volume = [2, 4, 2, 4, 8];
  it('batch norm and its gradient, with parameters and moments in float32', () => {
    const [gamma, beta] = ['gamma', 'beta'].map((label) => env.ops.fromHost(draws(8, label), [8]));
    expectAlike(env, [volume], (x) => {
      const { y, moments } = env.ops.batchNorm(x, gamma, beta, 1e-3);
      for (const moment of [moments.mean, moments.variance]) expect(moment.dtype).toBe('float32');
      return y;
    });
    expectAlike(env, [volume, volume], (x, dy) => {
      const { moments } = env.ops.batchNorm(x, gamma, beta, 1e-3);
      const { dx, dgamma, dbeta } = env.ops.batchNormGrad(dy, x, gamma, moments, 1e-3);
      for (const gradient of [dgamma, dbeta]) expect(gradient.dtype).toBe('float32');
      return dx;
    });
    expectAlike(env, [volume], (x) => {
      const variance = env.ops.square(gamma);
      return env.ops.batchNormInference(x, gamma, beta, beta, variance, 1e-3);
    });
    env.ops.dispose(gamma, beta);
  });

  it('ReLU, sums, products and pooling', () => {
    expectAlike(env, [volume], (x) => env.ops.relu(x));
    expectAlike(env, [volume, volume], (dy, x) => env.ops.reluGrad(dy, env.ops.relu(x)));
    expectAlike(env, [volume, volume], (a, b) => env.ops.add(a, b));
    expectAlike(
      env,
      [
        [2, 32, 8],
        [2, 1, 8],
      ],
      (a, b) => env.ops.mul(a, b),
    );
    expectAlike(env, [volume], (x) => env.ops.maxPool3d(x));
    expectAlike(env, [volume, [2, 2, 1, 2, 8]], (x, dy) => env.ops.maxPool3dGrad(x, env.ops.maxPool3d(x), dy));
  });

  it('slicing, padding and joining', () => {
    expectAlike(env, [volume], (x) => env.ops.slice(x, [1, 0, 0, 1, 0], [1, 4, 2, 3, 8]));
    expectAlike(env, [volume], (x) => env.ops.pad(x, [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]));
    expectAlike(env, [volume, volume], (a, b) => env.ops.concat([a, b], 4));
    expectAlike(env, [volume], (x) => env.ops.reshape(x, [8, 2, 4, 8]));
  });

  it('lends variables in bfloat16, anew after an update', () => {
    const variable = env.ops.variable(Float32Array.of(1, 2 + 2 ** -10), [2]);
    expect([...env.ops.toHost(env.ops.read(variable, 'bfloat16'))]).toEqual([1, 2]);
    expect(env.ops.read(variable).dtype).toBe('float32');
    lend(env, [[Float32Array.of(3, 4), [2]]], (value) => {
      env.ops.assign(variable, value);
    });
    expect([...env.ops.toHost(env.ops.read(variable, 'bfloat16'))]).toEqual([3, 4]);
    env.ops.release(variable);
  });
}

/** Runs `body` on random tensors of these shapes, once in bfloat16 and once on the same values in float32. */
function expectAlike({ ops }: Bench, shapes: Shape[], body: (...inputs: Tensor[]) => Tensor): void {
  ops.tidy(() => {
    const narrow = shapes.map((shape, i) =>
      ops.cast(ops.fromHost(draws(sizeOf(shape), `bfloat16 ${i}`), shape), 'bfloat16'),
    );
    const result = body(...narrow);
    expect(result.dtype).toBe('bfloat16');
    const expected = body(...narrow.map((x) => ops.cast(x, 'float32')));
    expect(result.shape).toEqual(expected.shape);
    const [got, wanted] = [result, expected].map((x) => ops.toHost(x) as Float32Array) as [Float32Array, Float32Array];
    const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const worst = got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i])), 0);
    expect(scale).toBeGreaterThan(0);
    expect(worst / scale).toBeLessThan(TOLERANCE);
  });
}
