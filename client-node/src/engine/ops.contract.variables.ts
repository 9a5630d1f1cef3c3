import { expect, it } from 'vitest';
import { expectTensor, floats, lend, type Bench } from './ops.contract.bench.js';
import type { Tensor } from './tensor.js';

export function describeVariables(env: Bench): void {
  it('lends what it reads, once between two updates', () => {
    const variable = env.ops.variable(floats(1, 2), [2]);
    const [before, again] = env.ops.tidy(() => [env.ops.read(variable), env.ops.read(variable)]);
    expect(again.id).toBe(before.id);
    expectLent(env, before, [1, 2]);
    expect(() => {
      env.ops.dispose(before);
    }).toThrow(/not live/);
    lend(env, [[floats(5, 6), [2]]], (value) => {
      env.ops.assign(variable, value);
    });
    expectLent(env, env.ops.read(variable), [5, 6]);
    env.ops.release(variable);
  });

  it('updates two variables of one array apart, and not the array', () => {
    const memory = new ArrayBuffer(256);
    for (let offset = 0; offset < 64; offset += 4) {
      const values = new Float32Array(memory, offset, 2).fill(1);
      const [first, second] = [env.ops.variable(values, [2]), env.ops.variable(values, [2])];
      lend(env, [[floats(2, 2), [2]]], (value) => {
        env.ops.applyAverage(first, value, 0.5);
      });
      expect([...values]).toEqual([1, 1]);
      expectLent(env, env.ops.read(first), [1.5, 1.5]);
      expectLent(env, env.ops.read(second), [1, 1]);
      env.ops.release(first, second);
    }
  });

  it.each([0, 0.1])('applyMomentum takes two Nesterov steps with weight decay %d', (weightDecay) => {
    const [weights, velocity] = [env.ops.variable(floats(1, -2), [2]), env.ops.variable(floats(0, 0), [2])];
    const settings = { learningRate: 0.5, momentum: 0.9, weightDecay };
    const expected = [1, -2].map((start, i) => {
      let [w, v] = [start, 0];
      for (const gradient of [
        [0.2, 0.4],
        [-0.3, 1],
      ].map((pair) => pair[i])) {
        const total = gradient + weightDecay * w;
        v = 0.9 * v + total;
        w -= 0.5 * (total + 0.9 * v);
      }
      return { w, v };
    });
    for (const gradient of [floats(0.2, 0.4), floats(-0.3, 1)]) {
      lend(env, [[gradient, [2]]], (g) => {
        env.ops.applyMomentum(weights, velocity, g, settings);
      });
    }
    expectLent(
      env,
      env.ops.read(weights),
      expected.map(({ w }) => w),
    );
    expectLent(
      env,
      env.ops.read(velocity),
      expected.map(({ v }) => v),
    );
    env.ops.release(weights, velocity);
  });

  it('applyAverage moves towards the value', () => {
    const average = env.ops.variable(floats(1, 10), [2]);
    lend(env, [[floats(3, -10), [2]]], (value) => {
      env.ops.applyAverage(average, value, 0.75);
    });
    expectLent(env, env.ops.read(average), [1.5, 5]);
    env.ops.release(average);
  });
}

/** Compares a value [2] that belongs to a variable. */
function expectLent(env: Bench, value: Tensor, expected: ArrayLike<number>): void {
  expectTensor(env, env.ops.add(value, 0), [2], expected);
}
