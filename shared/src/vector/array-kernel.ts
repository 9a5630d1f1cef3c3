import { ScalarKernel } from './scalar-kernel.js';
import { VectorKernel } from './vector-kernel.js';

/** The loops of aggregation and admission over windows of values and one of sums, which belong to the kernel. */
export interface ArrayKernel {
  /** Where the other methods find values, and `divide` leaves them: in row 0, unless they name rows. */
  values(length: number, row?: number): Float32Array;
  clearSums(length: number): void;
  /** Each sum += (value * weight + shift) - shift, in float64. */
  addTerms(length: number, weight: number, shift: number): void;
  /** Each value = sum / divisor, rounded to float32. */
  divide(length: number, divisor: number): void;
  /** Is every value finite and from `low` to `high`? */
  within(length: number, low: number, high: number): boolean;
  /** Largest absolute value; NaN if there is one. */
  largest(length: number): number;
  /** Each value of row `low` and its neighbour in row `high` in order: the smaller one in `low`. */
  order(length: number, low: number, high: number): void;
  /** Squared L2 distance of two rows in float64: eight sums, of every eighth value each, then summed in pairs. */
  squaredDistance(length: number, one: number, other: number): number;
}

/**
 * Vector instructions where they are to be had; the same bits in plain JavaScript elsewhere: WebAssembly reserves 8 GB of
 * addresses, which a process under a limit of its address space (ulimit -v) does not get.
 */
export function createKernel(capacity: number, rows = 1): ArrayKernel {
  try {
    return new VectorKernel(capacity, rows);
  } catch {
    return new ScalarKernel(capacity, rows);
  }
}
