import type { Triple } from './volume.js';

/**
 * Squared distance (mm^2) of every voxel [x, y, z] to the nearest marked one; exact. Lower envelopes of parabolas,
 * one axis after the other (Felzenszwalb and Huttenlocher 2012). Infinity everywhere where nothing is marked.
 */
export function squaredDistances(marked: Uint8Array, shape: Triple, spacing: Triple): Float64Array {
  const [nx, ny, nz] = shape;
  const squared = new Float64Array(marked.length);
  for (let i = 0; i < marked.length; i++) squared[i] = marked[i] === 0 ? Infinity : 0;
  const line = new Envelope(Math.max(nx, ny, nz));
  for (let row = 0; row < nx * ny; row++) line.transform(squared, row * nz, 1, nz, spacing[2]);
  for (let x = 0; x < nx; x++) {
    for (let z = 0; z < nz; z++) line.transform(squared, x * ny * nz + z, nz, ny, spacing[1]);
  }
  for (let yz = 0; yz < ny * nz; yz++) line.transform(squared, yz, ny * nz, nx, spacing[0]);
  return squared;
}

/** Lower envelope of parabolas along one line; its arrays serve every line of a volume. */
class Envelope {
  readonly #heights: Float64Array;
  /** Roots of the parabolas in the envelope, and from which position on each is the lowest. */
  readonly #roots: Int32Array;
  readonly #from: Float64Array;

  constructor(longest: number) {
    this.#heights = new Float64Array(longest);
    this.#roots = new Int32Array(longest);
    this.#from = new Float64Array(longest + 1);
  }

  /** In place, `count` values from `start` on, `step` apart; neighbours lie `size` mm apart. */
  transform(values: Float64Array, start: number, step: number, count: number, size: number): void {
    const heights = this.#heights;
    for (let i = 0; i < count; i++) heights[i] = values[start + i * step]!;
    const last = this.#build(count, size);
    if (last < 0) return;
    for (let i = 0, k = 0; i < count; i++) {
      while (k < last && this.#from[k + 1] < i) k++;
      const root = this.#roots[k];
      const away = (i - root) * size;
      values[start + i * step] = away * away + heights[root];
    }
  }

  /** Returns the index of the envelope's last parabola, -1 where every height is infinite. */
  #build(count: number, size: number): number {
    const [heights, roots, from] = [this.#heights, this.#roots, this.#from];
    const square = size * size;
    let last = -1;
    for (let q = 0; q < count; q++) {
      if (heights[q] === Infinity) continue;
      let crossing = -Infinity;
      while (last >= 0) {
        const p = roots[last];
        crossing = (heights[q] - heights[p]) / (2 * square * (q - p)) + (q + p) / 2;
        if (crossing > from[last]) break;
        last--;
      }
      last++;
      roots[last] = q;
      from[last] = last === 0 ? -Infinity : crossing;
    }
    return last;
  }
}
