import type { TrainingSettings } from '@consilium/shared';

/** The share of the learning rate that is left: polynomial decay over `total` steps, from 1 down to 0. */
export function polyDecay(step: number, total: number, power: number): number {
  return (1 - Math.min(step, total) / total) ** power;
}

/**
 * How far a constant gradient of 1 takes a weight over `steps` steps of Nesterov's momentum from rest, from global step `first` on: the
 * sum of learning rates, each times what momentum makes of it.
 */
export function pathLength(
  { learningRate, momentum, polyPower }: Pick<TrainingSettings, 'learningRate' | 'momentum' | 'polyPower'>,
  { first, steps, total }: { first: number; steps: number; total: number },
): number {
  let velocity = 0;
  let path = 0;
  for (let step = first; step < first + steps; step++) {
    velocity = momentum * velocity + 1;
    path += learningRate * polyDecay(step, total, polyPower) * (1 + momentum * velocity);
  }
  return path;
}

/** Decay of the teacher's average at its t-th update, t from 0: a plain mean at first, so that the start is soon forgotten. */
export function teacherDecay(t: number, limit: number): number {
  return Math.min(1 - 1 / (t + 1), limit);
}
