import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Ops, Window } from './ops.js';
import * as reference from './ops.reference.js';
import { draws, expectTensor, floats, lend, type Bench } from './ops.contract.bench.js';
import { describeVariables } from './ops.contract.variables.js';
import { describeAxes, describeElementwise, describeLayout, describeRows } from './ops.contract.elementary.js';
import { sizeOf, type Shape } from './tensor.js';

/** What every implementation of `Ops` must do. Numbers come from definitions in double precision or from a hand. */
export function describeOps(name: string, open: () => Promise<Ops>): void {
  describe(name, () => {
    let ops: Ops;
    const env: Bench = {
      get ops() {
        return ops;
      },
    };
    beforeAll(async () => {
      ops = await open();
    }, 30_000);

    let before = 0;
    beforeEach(() => {
      before = ops.tensorCount();
    });
    afterEach(() => {
      expect(ops.tensorCount(), 'handles alive after the test').toBe(before);
    });

    describeBorders(env);
    describeWindows(env);
    describeNormalisation(env);
    describeElementwise(env);
    describeRows(env);
    describeAxes(env);
    describeLayout(env);
    describeVariables(env);
  });
}

function describeBorders(env: Bench): void {
  it('copies in and out, wherever the array lies in memory', () => {
    // Alignment decides whether an engine would share memory: every offset of a cache line is tried.
    const memory = new ArrayBuffer(256);
    for (let offset = 0; offset < 64; offset += 4) {
      const values = new Float32Array(memory, offset, 4);
      values.set([1, 2, 3, 4]);
      lend(env, [[values, [2, 2]]], (x) => {
        values[0] = 9;
        const out = env.ops.toHost(x);
        expect([...out]).toEqual([1, 2, 3, 4]);
        out[1] = 9;
        expect([...env.ops.toHost(x)]).toEqual([1, 2, 3, 4]);
      });
    }
  });

  it('keeps whole numbers whole and casts between types', () => {
    lend(env, [[Int32Array.of(-2, 0, 70_000), [3]]], (x) => {
      expect(x.dtype).toBe('int32');
      expect(env.ops.toHost(x)).toBeInstanceOf(Int32Array);
      const wide = env.ops.cast(x, 'float32');
      expect(wide.dtype).toBe('float32');
      expectTensor(env, wide, [3], [-2, 0, 70_000]);
    });
    lend(env, [[floats(-1.7, 1.7), [2]]], (x) => {
      expectTensor(env, env.ops.cast(x, 'int32'), [2], [-1, 1]);
    });
  });

  it('refuses values that do not fill the shape, and wrong shapes', () => {
    expect(() => env.ops.fromHost(floats(1, 2, 3), [2, 2])).toThrow(/expected 4 values/);
    lend(
      env,
      [
        [floats(1, 2, 3), [3]],
        [floats(1, 2), [2]],
      ],
      (a, b) => {
        expect(() => env.ops.add(a, b)).toThrow();
      },
    );
  });

  it('disposes once', () => {
    const x = env.ops.fromHost(floats(1), [1]);
    env.ops.dispose(x);
    expect(() => {
      env.ops.dispose(x);
    }).toThrow(/not live/);
  });

  it('tidies all but the result, also when the body throws', () => {
    lend(env, [[floats(1, 2), [2]]], (x) => {
      const before = env.ops.tensorCount();
      const { kept } = env.ops.tidy(() => ({ kept: env.ops.add(env.ops.square(x), 1) }));
      expect(env.ops.tensorCount()).toBe(before + 1);
      expectTensor(env, kept, [2], [2, 5]);
      expect(() =>
        env.ops.tidy(() => {
          env.ops.square(x);
          throw new Error('inside');
        }),
      ).toThrow('inside');
      expect(env.ops.tensorCount()).toBe(before);
    });
  });
}

const windows: Window[] = [
  { stride: 1, padding: 'SAME' },
  { stride: 1, padding: 'VALID' },
  { stride: 2, padding: 'SAME' },
  { stride: 2, padding: 'VALID' },
];

function describeWindows(env: Bench): void {
  const cases = windows.flatMap((window) => [
    { window, x: [2, 5, 4, 6, 3], filter: [3, 3, 3, 3, 2] },
    { window, x: [1, 4, 6, 4, 2], filter: [2, 2, 2, 2, 3] },
  ]);
  it.each(cases)(
    'conv3d and its gradients: $window.padding, stride $window.stride, $filter',
    ({ window, x, filter }) => {
      const yShape = reference.conv3dShape(x, filter, window);
      const [xs, fs, dys] = [draws(sizeOf(x), 'x'), draws(sizeOf(filter), 'w'), draws(sizeOf(yShape), 'dy')];
      lend(
        env,
        [
          [xs, x],
          [fs, filter],
          [dys, yShape],
        ],
        (xt, ft, dyt) => {
          expectTensor(env, env.ops.conv3d(xt, ft, window), yShape, reference.conv3d(xs, x, fs, filter, window));
          const dx = reference.conv3dInputGrad(x, fs, filter, dys, window);
          expectTensor(env, env.ops.conv3dInputGrad(x, ft, dyt, window), x, dx);
          const dw = reference.conv3dFilterGrad(xs, x, filter, dys, window);
          expectTensor(env, env.ops.conv3dFilterGrad(xt, filter, dyt, window), filter, dw, 1e-4);
        },
      );
    },
  );

  it('maxPool3d and its gradient', () => {
    const shape = [2, 4, 2, 6, 3];
    const pooled = [2, 2, 1, 3, 3];
    const [xs, dys] = [draws(sizeOf(shape), 'x'), draws(sizeOf(pooled), 'dy')];
    const choices = reference.maxPool3dChoices(xs, shape);
    lend(
      env,
      [
        [xs, shape],
        [dys, pooled],
      ],
      (x, dy) => {
        const y = env.ops.maxPool3d(x);
        const expected = new Array<number>(sizeOf(shape)).fill(0);
        choices.forEach((at, i) => (expected[at] = dys[i]!));
        expectTensor(env, env.ops.maxPool3dGrad(x, y, dy), shape, expected);
        expectTensor(
          env,
          y,
          pooled,
          choices.map((at) => xs[at]),
        );
      },
    );
  });
}

function describeNormalisation(env: Bench): void {
  const shape = [2, 3, 2, 2, 3];
  const epsilon = 1e-3;
  const xs = draws(sizeOf(shape), 'x').map((value, i) => 3 * value + (i % 3));
  const [gammas, betas, dys] = [draws(3, 'gamma'), draws(3, 'beta'), draws(sizeOf(shape), 'dy')];
  const rows = sizeOf(shape) / 3;

  it('batchNorm with the moments of the batch, and its gradients', () => {
    lend(
      env,
      [
        [xs, shape],
        [gammas, [3]],
        [betas, [3]],
        [dys, shape],
      ],
      (x, gamma, beta, dy) => {
        const { y, moments } = env.ops.batchNorm(x, gamma, beta, epsilon);
        expectTensor(env, y, shape, reference.batchNorm(xs, gammas, betas, epsilon));
        const { dx, dgamma, dbeta } = env.ops.batchNormGrad(dy, x, gamma, moments, epsilon);
        const loss = (v: reference.Values, g: reference.Values, b: reference.Values): number =>
          reference.dot(reference.batchNorm(v, g, b, epsilon), dys);
        expectTensor(
          env,
          dx,
          shape,
          reference.numericGradient((v) => loss(v, gammas, betas), xs),
          1e-4,
        );
        expectTensor(
          env,
          dgamma,
          [3],
          reference.numericGradient((g) => loss(xs, g, betas), gammas),
          1e-4,
        );
        expectTensor(
          env,
          dbeta,
          [3],
          reference.numericGradient((b) => loss(xs, gammas, b), betas),
          1e-4,
        );
        const { mean, variance } = reference.channelMoments(xs, 3);
        expectTensor(env, moments.mean, [3], mean);
        expectTensor(
          env,
          moments.variance,
          [3],
          variance.map((value) => (value * rows) / (rows - 1)),
        );
        env.ops.dispose(...moments.reserved);
      },
    );
  });

  it('batchNormInference with given moments', () => {
    const [means, variances] = [floats(0.5, -1, 2), floats(1, 0.25, 4)];
    const inputs: [Float32Array, Shape][] = [
      [xs, shape],
      [gammas, [3]],
      [betas, [3]],
      [means, [3]],
      [variances, [3]],
    ];
    lend(env, inputs, (x, gamma, beta, mean, variance) => {
      const expected = Array.from(xs, (value, i) => {
        const c = i % 3;
        return (gammas[c] * (value - means[c])) / Math.sqrt(variances[c] + epsilon) + betas[c];
      });
      expectTensor(env, env.ops.batchNormInference(x, gamma, beta, mean, variance, epsilon), shape, expected);
    });
  });
}
