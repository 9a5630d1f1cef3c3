/** The share of the learning rate that is left: polynomial decay over `total` steps, from 1 down to 0. */
export function polyDecay(step: number, total: number, power: number): number {
  return (1 - Math.min(step, total) / total) ** power;
}

/** Decay of the teacher's average at its t-th update, t from 0: a plain mean at first, so that the start is soon forgotten. */
export function teacherDecay(t: number, limit: number): number {
  return Math.min(1 - 1 / (t + 1), limit);
}
