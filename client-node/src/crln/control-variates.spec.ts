import type { NamedTensors } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { nextCorrection } from './control-variates.js';
import { pathLength, polyDecay } from './schedules.js';

const one = (value: number): NamedTensors =>
  new Map([['w', { dtype: 'float32', shape: [1], data: Float32Array.of(value) }]]);
const valueOf = (tensors: NamedTensors): number => (tensors.get('w')?.data[0] as number | undefined) ?? 0;

const RATE = { learningRate: 0.05, momentum: 0.9, polyPower: 0 };
const STEPS = 10;
const ROUNDS = 60;
const path = pathLength(RATE, { first: 0, steps: STEPS, total: STEPS * ROUNDS });

/** A site whose loss is steepness/2 (w - best)^2: sites differ in both, so that averages of what they reach alone are biased. */
interface Quadratic {
  steepness: number;
  best: number;
}

/** One round from rest, as `applyMomentum` steps. */
function trained({ steepness, best }: Quadratic, start: number, correction: number): number {
  let [w, velocity] = [start, 0];
  for (let step = 0; step < STEPS; step++) {
    const gradient = steepness * (w - best) + correction;
    velocity = RATE.momentum * velocity + gradient;
    w -= RATE.learningRate * (gradient + RATE.momentum * velocity);
  }
  return w;
}

/** Where the average of the sites ends. */
function federated(sites: readonly Quadratic[], corrected: boolean): number {
  let average = 0;
  let corrections = sites.map(() => new Map() as NamedTensors);
  for (let round = 0; round < ROUNDS; round++) {
    const reached = sites.map((site, i) => trained(site, average, corrected ? valueOf(corrections[i]) : 0));
    const mean = reached.reduce((sum, w) => sum + w, 0) / sites.length;
    corrections = sites.map((_, i) => {
      return nextCorrection({ correction: corrections[i], trained: one(reached[i]), path }, one(mean));
    });
    expect(corrections.reduce((sum, each) => sum + valueOf(each), 0)).toBeCloseTo(0, 4);
    average = mean;
  }
  return average;
}

describe('control variates', () => {
  const sites = [
    { steepness: 2, best: 1 },
    { steepness: 0.1, best: -3 },
  ];
  const optimum = (2 * 1 + 0.1 * -3) / 2.1;

  it('take sites that differ to the optimum of all of them, which averages of their own ways miss', () => {
    expect(Math.abs(federated(sites, false) - optimum)).toBeGreaterThan(0.3);
    expect(federated(sites, true)).toBeCloseTo(optimum, 3);
  });

  it('are nothing for sites that have the same data', () => {
    const same = nextCorrection({ correction: new Map(), trained: one(0.25), path }, one(0.25));
    expect(valueOf(same)).toBe(0);
  });
});

describe('the length of a path', () => {
  it.each([0, 0.9])('is how far a constant gradient takes a weight, momentum %d', (momentum) => {
    const schedule = { learningRate: 0.1, momentum, polyPower: 0.9 };
    let [w, velocity] = [0, 0];
    for (let step = 20; step < 30; step++) {
      velocity = momentum * velocity + 1;
      w -= 0.1 * polyDecay(step, 100, 0.9) * (1 + momentum * velocity);
    }
    expect(pathLength(schedule, { first: 20, steps: 10, total: 100 })).toBeCloseTo(-w, 12);
  });
});
