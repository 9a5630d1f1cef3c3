import { Random } from '@consilium/shared';
import { expect } from 'vitest';
import type { Ops } from './ops.js';
import type { Shape, Tensor } from './tensor.js';

/** The engine under test: opened once, before the first test. */
export interface Bench {
  readonly ops: Ops;
}

export const draws = (count: number, label: string): Float32Array => {
  const random = Random.from(7, label);
  return Float32Array.from({ length: count }, () => random.uniform(-1, 1));
};
export const floats = (...values: number[]): Float32Array => Float32Array.from(values);

/** Compares and disposes of the result. */
export function expectTensor(
  { ops }: Bench,
  got: Tensor,
  shape: Shape,
  expected: ArrayLike<number>,
  tolerance = 2e-5,
): void {
  expect(got.shape).toEqual(shape);
  const values = ops.toHost(got);
  expect(values.length).toBe(expected.length);
  const worst = Math.max(
    0,
    ...Array.from(values, (v, i) => Math.abs(v - expected[i]) / Math.max(1, Math.abs(expected[i]))),
  );
  expect(worst, `got ${String(values.slice(0, 8))}, expected ${String(Array.from(expected).slice(0, 8))}`).toBeLessThan(
    tolerance,
  );
  ops.dispose(got);
}

/** Hands tensors of these arrays to `body` and disposes of them afterwards. */
export function lend(
  env: Bench,
  inputs: [Float32Array | Int32Array, Shape][],
  body: (...tensors: Tensor[]) => void,
): void {
  const tensors = inputs.map(([values, shape]) => env.ops.fromHost(values, shape));
  try {
    body(...tensors);
  } finally {
    env.ops.dispose(...tensors);
  }
}
