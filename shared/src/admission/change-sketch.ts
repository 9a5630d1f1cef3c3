import type { Refusal } from '../protocol/refusal.js';

const SKETCH_BITS = 10;
/** Values of a sketch. The cosine of two sketches is off by about 1/sqrt(this), 0.03. */
export const SKETCH_VALUES = 1 << SKETCH_BITS;

/** What admission keeps of how an update differs from its base, over trained parameters in the study's order. */
export interface Change {
  /** L2 norm of update - base. */
  norm: number;
  /** L2 norm of the base. */
  baseNorm: number;
  /**
   * A count sketch [SKETCH_VALUES]: each value's difference with a sign drawn from its place. A block of so many values is
   * shuffled over the buckets by one draw, so that no two of a block meet.
   */
  sketch: Float32Array;
}

/**
 * Shrinks the difference of two models to a few values whose dot products estimate those of the whole differences
 * (Charikar, Chen, Farach-Colton 2002), in one pass: updates are compared without any of them being read again.
 */
export class ChangeSketch {
  readonly #buckets = new Float64Array(SKETCH_VALUES);
  #place = 0;
  #squares = 0;
  #baseSquares = 0;

  /** The next values of both models; windows may be of any length, the order of tensors has to be the same for all. */
  add(update: Float32Array, base: Float32Array): void {
    const buckets = this.#buckets;
    let squares = 0;
    let baseSquares = 0;
    let place = this.#place;
    // By 32 places, for which one draw gives all signs.
    for (let i = 0; i < update.length;) {
      const block = mixed(~(place >>> SKETCH_BITS)) & (SKETCH_VALUES - 1);
      let signs = mixed(place >>> 5) >>> (place & 31);
      for (const end = Math.min(update.length, i + 32 - (place & 31)); i < end; i++, place++, signs >>>= 1) {
        const difference = update[i] - base[i];
        squares += difference * difference;
        baseSquares += base[i] * base[i];
        buckets[(place & (SKETCH_VALUES - 1)) ^ block] += (1 - 2 * (signs & 1)) * difference;
      }
    }
    this.#squares += squares;
    this.#baseSquares += baseSquares;
    this.#place = place;
  }

  finish(): Change {
    return {
      norm: Math.sqrt(this.#squares),
      baseNorm: Math.sqrt(this.#baseSquares),
      sketch: Float32Array.from(this.#buckets),
    };
  }
}

/** 32 well-mixed bits (the constants are those of "lowbias32" by C. Wellons). */
function mixed(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return bits ^ (bits >>> 16);
}

/** `maximum`: of the change's norm, in norms of the base (at least 1, so that a model of zeros may be trained). */
export function normRefusal({ norm, baseNorm }: Change, maximum: number): Refusal | null {
  const bound = maximum * Math.max(1, baseNorm);
  if (norm <= bound) return null;
  const sentence = `Update: expected a change with an L2 norm of at most ${bound.toPrecision(3)}, got ${norm.toPrecision(3)}.`;
  return { reason: 'norm-too-large', sentence };
}

/**
 * Cosine of a change to the mean of others by weight, from their sketches: sketching is linear, so the mean of sketches is
 * the sketch of the mean. Null where one of the two is no change at all.
 */
export function cosineToMean(
  sketch: Float32Array,
  others: readonly { sketch: Float32Array; weight: number }[],
): number | null {
  const mean = new Float64Array(sketch.length);
  for (const other of others) for (let i = 0; i < mean.length; i++) mean[i] += other.weight * other.sketch[i];
  let [product, own, theirs] = [0, 0, 0];
  for (let i = 0; i < mean.length; i++) {
    product += sketch[i] * mean[i];
    own += sketch[i] ** 2;
    theirs += mean[i] ** 2;
  }
  return own === 0 || theirs === 0 ? null : product / Math.sqrt(own * theirs);
}
