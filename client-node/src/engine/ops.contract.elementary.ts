import { expect, it } from 'vitest';
import { expectTensor, floats, lend, type Bench } from './ops.contract.bench.js';
import { sizeOf, type Shape } from './tensor.js';

export function describeElementwise(env: Bench): void {
  const erf = [0, 0.5204998778130465, -0.8427007929497149, 0.9953222650189527];
  it.each([
    ['relu', [-1, 0, 2, 0.5], [0, 0, 2, 0.5]],
    ['exp', [0, 1, -2, 3], [1, Math.E, Math.exp(-2), Math.exp(3)]],
    ['log', [1, Math.E, 0.5, 20], [0, 1, Math.log(0.5), Math.log(20)]],
    ['sqrt', [0, 4, 2, 0.25], [0, 2, Math.SQRT2, 0.5]],
    ['rsqrt', [1, 4, 2, 0.25], [1, 0.5, Math.SQRT1_2, 2]],
    ['square', [0, -3, 0.5, 2], [0, 9, 0.25, 4]],
    ['erf', [0, 0.5, -1, 2], erf],
  ] as const)('%s', (op, input, expected) => {
    lend(env, [[floats(...input), [2, 2]]], (x) => {
      expectTensor(env, env.ops[op](x), [2, 2], expected);
    });
  });

  it('reluGrad passes where the forward result is positive', () => {
    lend(
      env,
      [
        [floats(1, 2, 3), [3]],
        [floats(0, 0.5, 4), [3]],
      ],
      (dy, y) => {
        expectTensor(env, env.ops.reluGrad(dy, y), [3], [0, 2, 3]);
      },
    );
  });

  it.each([
    ['add', [11, 22, 13, 24], [3, 4, 5, 6]],
    ['sub', [-9, -18, -7, -16], [-1, 0, 1, 2]],
    ['mul', [10, 40, 30, 80], [2, 4, 6, 8]],
    ['div', [0.1, 0.1, 0.3, 0.2], [0.5, 1, 1.5, 2]],
    ['maximum', [10, 20, 10, 20], [2, 2, 3, 4]],
    ['greater', [0, 0, 0, 0], [0, 0, 1, 1]],
    ['greaterEqual', [0, 0, 0, 0], [0, 1, 1, 1]],
  ] as const)('%s, broadcast and with a number', (op, broadcast, withTwo) => {
    lend(
      env,
      [
        [floats(1, 2, 3, 4), [2, 2]],
        [floats(10, 20), [1, 2]],
      ],
      (a, b) => {
        expectTensor(env, env.ops[op](a, b), [2, 2], broadcast);
        expectTensor(env, env.ops[op](a, 2), [2, 2], withTwo);
      },
    );
  });
}

export function describeRows(env: Bench): void {
  // Large enough for an engine to take several rows as one.
  const [b, n, c] = [2, 4096, 6];
  const x = Float32Array.from({ length: b * n * c }, (_, i) => (i % 23) - 11);
  it.each<[string, Shape, (i: number) => number]>([
    ['a vector along the last axis', [c], (i) => i % c],
    ['a vector for each sample', [b, 1, c], (i) => Math.floor(i / (n * c)) * c + (i % c)],
    ['one sample', [1, n, c], (i) => i % (n * c)],
  ])('%s is taken from a large tensor', (_, shape, place) => {
    const vector = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i / 4);
    lend(
      env,
      [
        [x, [b, n, c]],
        [vector, shape],
      ],
      (a, v) =>
        expectTensor(
          env,
          env.ops.sub(a, v),
          [b, n, c],
          x.map((value, i) => value - vector[place(i)]),
        ),
    );
  });
}

export function describeAxes(env: Bench): void {
  const values = floats(1, 2, 3, 4, 5, -6, 7, 8, 9, 10, 11, 12);
  // [2, 3, 2] with the middle axis reduced, and with all.
  it.each([
    ['sum', [9, 0, 27, 30], 66],
    ['mean', [3, 0, 9, 10], 5.5],
    ['max', [5, 4, 11, 12], 12],
  ] as const)('%s over some axes', (op, table, all) => {
    lend(env, [[values, [2, 3, 2]]], (x) => {
      expectTensor(env, env.ops[op](x, [1]), [2, 2], table);
      expectTensor(env, env.ops[op](x, [1], true), [2, 1, 2], table);
      expectTensor(env, env.ops[op](x, [0, 1, 2]), [], [all]);
    });
  });

  it('argMax takes the first of equals', () => {
    lend(env, [[floats(1, 5, 5, -1, -2, -3), [2, 3]]], (x) => {
      const y = env.ops.argMax(x, 1);
      expect(y.dtype).toBe('int32');
      expectTensor(env, y, [2], [1, 0]);
      expectTensor(env, env.ops.argMax(x, 0), [3], [0, 0, 0]);
    });
  });

  it('softmax and logSoftmax stay finite for large logits', () => {
    lend(env, [[floats(0, Math.log(3), 1000, 1000 + Math.log(4)), [2, 2]]], (x) => {
      expectTensor(env, env.ops.softmax(x), [2, 2], [0.25, 0.75, 0.2, 0.8], 1e-4);
      expectTensor(env, env.ops.logSoftmax(x), [2, 2], [0.25, 0.75, 0.2, 0.8].map(Math.log), 1e-4);
    });
  });

  it('oneHot gives zeros for an index outside', () => {
    lend(env, [[Int32Array.of(1, -1, 0, 3), [2, 2]]], (x) => {
      const expected = [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
      const y = env.ops.oneHot(x, 3);
      expect(y.dtype).toBe('float32');
      expectTensor(env, y, [2, 2, 3], expected);
    });
  });
}

export function describeLayout(env: Bench): void {
  const six = floats(1, 2, 3, 4, 5, 6);
  it('matMul with transposes and leading axes', () => {
    lend(
      env,
      [
        [six, [2, 3]],
        [six, [3, 2]],
      ],
      (a, b) => {
        expectTensor(env, env.ops.matMul(a, b), [2, 2], [22, 28, 49, 64]);
        const both = env.ops.matMul(a, b, { transposeA: true, transposeB: true });
        expectTensor(env, both, [3, 3], [9, 19, 29, 12, 26, 40, 15, 33, 51]);
        expectTensor(env, env.ops.matMul(a, a, { transposeB: true }), [2, 2], [14, 32, 32, 77]);
      },
    );
    lend(
      env,
      [
        [floats(1, 2, 3, 4), [2, 1, 2]],
        [floats(1, 1, 2, 0), [1, 2, 2]],
      ],
      (a, b) => {
        expectTensor(env, env.ops.matMul(a, b), [2, 1, 2], [5, 1, 11, 3]);
        expectTensor(env, env.ops.matMul(a, b, { transposeB: true }), [2, 1, 2], [3, 2, 7, 6]);
      },
    );
  });

  it('reshape, transpose, broadcastTo', () => {
    lend(
      env,
      [
        [six, [2, 3]],
        [floats(1, 2), [2, 1]],
      ],
      (x, column) => {
        expectTensor(env, env.ops.reshape(x, [3, 1, 2]), [3, 1, 2], six);
        expectTensor(env, env.ops.transpose(x, [1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]);
        expectTensor(env, env.ops.broadcastTo(column, [2, 2, 2]), [2, 2, 2], [1, 1, 2, 2, 1, 1, 2, 2]);
        expect(() => env.ops.reshape(x, [4])).toThrow();
      },
    );
  });

  it('concat, slice, pad', () => {
    lend(
      env,
      [
        [six, [2, 3]],
        [floats(7, 8), [2, 1]],
      ],
      (x, column) => {
        expectTensor(env, env.ops.concat([x, column], 1), [2, 4], [1, 2, 3, 7, 4, 5, 6, 8]);
        expectTensor(env, env.ops.slice(x, [0, 1], [2, 2]), [2, 2], [2, 3, 5, 6]);
        expectTensor(env, env.ops.pad(x, [1, 0], [0, 1]), [3, 4], [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0]);
      },
    );
  });

  it('gatherRows, and scatterAddRows as its transpose', () => {
    lend(
      env,
      [
        [six, [3, 2]],
        [Int32Array.of(2, 0, 2), [3]],
        [Int32Array.of(1, 1), [1, 2]],
      ],
      (x, rows, grid) => {
        expectTensor(env, env.ops.gatherRows(x, rows), [3, 2], [5, 6, 1, 2, 5, 6]);
        expectTensor(env, env.ops.gatherRows(x, grid), [1, 2, 2], [3, 4, 3, 4]);
        expectTensor(env, env.ops.scatterAddRows(x, rows, 4), [4, 2], [3, 4, 0, 0, 6, 8, 0, 0]);
      },
    );
  });
}
