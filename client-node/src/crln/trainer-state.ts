import type { NamedTensors } from '@consilium/shared';
import type { PriorState } from './class-priors.js';

/** A trainer frozen between two steps: tensors under `student/`, `teacher/` and `velocity/`, the rest as plain JSON. */
export interface TrainerState {
  readonly tensors: NamedTensors;
  readonly counters: unknown;
}

export interface TrainerCounters {
  /** Updates of the teacher's average so far. */
  readonly averaged: number;
  /** Words of the random stream. */
  readonly random: readonly number[];
  readonly priors: PriorState;
}

export function packTensors(parts: Record<string, NamedTensors>): NamedTensors {
  const packed: NamedTensors = new Map();
  for (const [part, tensors] of Object.entries(parts)) {
    for (const [name, tensor] of tensors) packed.set(`${part}/${name}`, tensor);
  }
  return packed;
}

export function unpackTensors(packed: NamedTensors, part: string): NamedTensors {
  const prefix = `${part}/`;
  return new Map(
    Array.from(packed)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

/** Checks what comes back from a file; a checkpoint of another shape is a broken one and throws. */
export function trainerCounters(value: unknown): TrainerCounters {
  const counters = value as Partial<TrainerCounters> | null;
  const lists = [counters?.random, ...Object.values(counters?.priors ?? { missing: null })];
  if (typeof counters?.averaged !== 'number' || !lists.every(Array.isArray)) {
    throw new Error(`trainer state: expected counters with averaged, random and prior, got ${JSON.stringify(value)}`);
  }
  return counters as TrainerCounters;
}
