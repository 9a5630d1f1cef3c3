import type { Random } from '@consilium/shared';

/** Min-max of one patch to [0, `top`], in place; values [start, end), every `channels`-th from `start` + channel. */
export function normaliseRange(image: Float32Array, start: number, end: number, channels = 1, top = 1): void {
  for (let channel = 0; channel < channels; channel++) {
    let minimum = Infinity;
    let maximum = -Infinity;
    for (let i = start + channel; i < end; i += channels) {
      const value = image[i];
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    // A constant patch (all padding) becomes 0.
    const scale = maximum > minimum ? top / (maximum - minimum) : 0;
    for (let i = start + channel; i < end; i += channels) image[i] = (image[i] - minimum) * scale;
  }
}

/** Entries of the noise table; each stands for an equal share of the normal distribution. */
const QUANTILES = 1 << 14;
/** Noise is cut off at this many standard deviations. */
const CLIP = 2;

let quantiles: Float32Array | undefined;

/**
 * Standard normal, clipped, at equally likely places. A draw is then one table look-up, two to a 32-bit word: a patch
 * has a million voxels, and logarithms for each would take longer than all other augmentation.
 */
function noiseTable(): Float32Array {
  quantiles ??= Float32Array.from({ length: QUANTILES }, (_, index) => {
    return Math.min(Math.max(normalQuantile((index + 0.5) / QUANTILES), -CLIP), CLIP);
  });
  return quantiles;
}

/** Newton's method on the distribution function, from the logistic approximation. */
function normalQuantile(share: number): number {
  let x = Math.log(share / (1 - share)) / 1.702;
  for (let round = 0; round < 20; round++) {
    const step = (distribution(x) - share) / (Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
    x -= Math.min(Math.max(step, -1), 1);
    if (Math.abs(step) < 1e-9) break;
  }
  return x;
}

/** Of the standard normal: Taylor series about 0, exact to rounding where |x| < 5. */
function distribution(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

/** Adds Gaussian noise clipped at two sigma to values [start, end). */
export function addNoise(image: Float32Array, start: number, end: number, sigma: number, random: Random): void {
  const table = noiseTable();
  const mask = QUANTILES - 1;
  // xorshift32 (Marsaglia 2003) inline, seeded by the caller's stream: never 0.
  let state = random.bits() | 1;
  for (let i = start; i < end; i += 2) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    image[i] += sigma * table[state & mask];
    if (i + 1 < end) image[i + 1] += sigma * table[(state >>> 16) & mask];
  }
}
