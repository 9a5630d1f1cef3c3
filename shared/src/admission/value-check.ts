import type { Refusal } from '../protocol/refusal.js';
import { quoted } from '../tensors/container-error.js';
import { createKernel, type ArrayKernel } from '../vector/array-kernel.js';
import type { ValueRange } from './value-range.js';

/** Looks through tensors a window at a time: put values where `place` says, then ask. */
export class ValueCheck {
  readonly #kernel: ArrayKernel;

  /** `capacity`: the longest window, in values. */
  constructor(capacity: number) {
    this.#kernel = createKernel(capacity);
  }

  /** Room for the next window; overwritten by the next one. */
  place(length: number): Float32Array {
    return this.#kernel.values(length);
  }

  /** Of the window in place, whose first value is number `start` of its tensor: the first value out of range, or null. */
  refusal(name: string, range: ValueRange, { start, length }: { start: number; length: number }): Refusal | null {
    if (this.#kernel.within(length, range.low, range.high)) return null;
    const values = this.place(length);
    const at = values.findIndex((value) => !Number.isFinite(value) || value < range.low || value > range.high);
    const got = `got ${values[at]} at index ${start + at}`;
    if (!Number.isFinite(values[at])) {
      return { reason: 'not-finite', sentence: `Tensor ${quoted(name)}: expected finite values, ${got}.` };
    }
    const sentence = `Tensor ${quoted(name)}: expected values from ${range.low} to ${range.high}, ${got}.`;
    return { reason: 'out-of-bounds', sentence };
  }

  /** Largest absolute value of the window in place; NaN if there is one. */
  largest(length: number): number {
    return this.#kernel.largest(length);
  }
}
