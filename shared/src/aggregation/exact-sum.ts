import { powerOfTwoFrom } from '../admission/value-range.js';

/**
 * Sums that do not depend on the order of their terms, to the bit, by rounding every term to one grid beforehand
 * (after Demmel and Nguyen 2013, "Fast reproducible floating-point summation").
 *
 * Given integer weights w_i >= 0 with sum at most W, and values |x_i| <= B, let T = 2^ceil(log2 B) * 2^ceil(log2 W)
 * and the unit u = T * 2^-51. `shift` is 3 T = 1.5 * 2^52 u, and a term is t_i = (fl(w_i x_i) + shift) - shift.
 *
 * 1. |fl(w_i x_i)| <= T, rounding being monotone and T a float64. So fl(w_i x_i) + shift lies in [2T, 4T], where
 *    neighbouring float64 are 2T * 2^-52 = u apart: the addition rounds the term to a multiple of u, always in the same
 *    way (ties included, for `shift` is the same for all), and the subtraction is exact.
 * 2. sum |t_i| <= T: w_i * 2^ceil(log2 B) bounds fl(w_i x_i), is a multiple of u (for W <= 2^51), and so bounds t_i as well.
 * 3. Every partial sum, in every order, is a multiple of u of at most T = 2^51 u, which float64 holds exactly. Nothing
 *    rounds any more, so addition is associative and commutative.
 *
 * The price: a mean is off by at most n u / 2W, n the number of terms; with B = 2^10 and ten terms, 2^-37 or less.
 */
export function gridShift(bound: number, totalWeight: number): number {
  if (!(totalWeight >= 1 && totalWeight <= MAXIMUM_TOTAL_WEIGHT)) {
    throw new RangeError(`exact sum: expected a total weight of 1 to 2^50, got ${totalWeight}`);
  }
  return bound === 0 ? 0 : 3 * powerOfTwoFrom(bound) * powerOfTwoFrom(totalWeight);
}

/** Step 2 holds, and weights add exactly. */
export const MAXIMUM_TOTAL_WEIGHT = 2 ** 50;

/**
 * The weighted mean of small tensors whose bound is not known beforehand: all terms are shown twice, first to `measure`,
 * then to `add`. The grid of each element is fixed by its own largest term, so that nothing is lost on small ones and
 * no window size shows in the bits.
 */
export class ExactMean {
  readonly #sums: Float64Array;
  readonly #largest: Float64Array;
  #totalWeight = 0;

  constructor(length: number) {
    this.#sums = new Float64Array(length);
    this.#largest = new Float64Array(length);
  }

  measure(values: Float32Array | Float64Array, weight: number): void {
    this.#totalWeight += weight;
    for (let i = 0; i < this.#largest.length; i++) this.#largest[i] = Math.max(this.#largest[i], Math.abs(values[i]));
  }

  add(values: Float32Array | Float64Array, weight: number): void {
    for (let i = 0; i < this.#sums.length; i++) {
      const shift = gridShift(this.#largest[i], this.#totalWeight);
      this.#sums[i] += values[i] * weight + shift - shift;
    }
  }

  mean(): Float32Array {
    return Float32Array.from(this.#sums, (sum) => sum / this.#totalWeight);
  }
}
