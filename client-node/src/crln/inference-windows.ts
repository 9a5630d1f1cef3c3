type Triple = readonly [number, number, number];

/** Corners along one axis: every `stride` voxels, and a last one that ends with the volume. Where the patch is longer, it is centred. */
export function cornersAlong(size: number, patch: number, stride: number): number[] {
  const room = size - patch;
  if (room <= 0) return [Math.ceil(room / 2)];
  const corners = Array.from({ length: Math.ceil(room / stride) }, (_, i) => i * stride);
  return [...corners, room];
}

/** Weight of each voxel of a window [h, w, d]: flat, or a Gaussian around its middle with an eighth of a side as deviation. */
export function windowWeights(patch: Triple, weighting: 'uniform' | 'gaussian'): Float32Array {
  const [h, w, d] = patch;
  const along = (side: number) =>
    Float32Array.from({ length: side }, (_, i) =>
      weighting === 'uniform' ? 1 : Math.exp(-0.5 * ((i - (side - 1) / 2) / (side / 8)) ** 2),
    );
  const [a, b, c] = [along(h), along(w), along(d)];
  // Far corners of a Gaussian must not vanish: a voxel that only they cover still needs a weight to divide by.
  return Float32Array.from({ length: h * w * d }, (_, i) =>
    Math.max(a[Math.floor(i / (w * d))] * b[Math.floor(i / d) % w] * c[i % d], 1e-6),
  );
}

/** Copies the window at `corner` of an image [shape, channels] to `out` from `offset` on; outside is `padding`. */
export function cutWindow(
  image: Float32Array,
  shape: Triple,
  channels: number,
  corner: Triple,
  patch: Triple,
  padding: number,
  out: Float32Array,
  offset: number,
): void {
  out.fill(padding, offset, offset + patch[0] * patch[1] * patch[2] * channels);
  const first = Math.max(0, -corner[2]);
  const last = Math.min(patch[2], shape[2] - corner[2]);
  for (let i = 0; i < patch[0]; i++) {
    const x = corner[0] + i;
    if (x < 0 || x >= shape[0]) continue;
    for (let j = 0; j < patch[1]; j++) {
      const y = corner[1] + j;
      if (y < 0 || y >= shape[1]) continue;
      const from = ((x * shape[1] + y) * shape[2] + corner[2]) * channels;
      const to = offset + (i * patch[1] + j) * patch[2] * channels;
      out.set(image.subarray(from + first * channels, from + last * channels), to + first * channels);
    }
  }
}

/**
 * Sums of weighted class probabilities over a slab of the volume: the rows that windows may still reach. Rows leave it
 * for good as the windows move on, so that memory does not grow with the volume's height.
 */
export class Slab {
  #sums: Float32Array;
  #weights: Float32Array;
  /** Row of the volume that the slab begins with. */
  #begin = 0;

  constructor(
    private readonly rows: number,
    private readonly shape: Triple,
    private readonly classes: number,
  ) {
    this.#sums = new Float32Array(rows * shape[1] * shape[2] * classes);
    this.#weights = new Float32Array(rows * shape[1] * shape[2]);
  }

  /** Adds one window's probabilities [h, w, d, C], from `offset` of an array on. */
  add(probability: Float32Array, offset: number, corner: Triple, patch: Triple, weights: Float32Array): void {
    const { classes, shape } = this;
    const first = Math.max(0, -corner[2]);
    const last = Math.min(patch[2], shape[2] - corner[2]);
    for (let i = 0; i < patch[0]; i++) {
      const x = corner[0] + i;
      if (x < 0 || x >= shape[0]) continue;
      for (let j = 0; j < patch[1]; j++) {
        const y = corner[1] + j;
        if (y < 0 || y >= shape[1]) continue;
        const window = (i * patch[1] + j) * patch[2];
        const slab = ((x - this.#begin) * shape[1] + y) * shape[2] + corner[2];
        for (let k = first; k < last; k++) {
          const weight = weights[window + k];
          this.#weights[slab + k] += weight;
          const [from, to] = [offset + (window + k) * classes, (slab + k) * classes];
          for (let c = 0; c < classes; c++) this.#sums[to + c] += weight * probability[from + c];
        }
      }
    }
  }

  /** Rows below `end` are finished: their mean probabilities [rows, w, d, C]; the slab then begins at `end`. */
  finish(end: number): Float32Array {
    const plane = this.shape[1] * this.shape[2];
    const count = Math.min(end - this.#begin, this.rows) * plane;
    const { classes } = this;
    const done = this.#sums.slice(0, count * classes);
    for (let voxel = 0; voxel < count; voxel++) {
      for (let c = 0; c < classes; c++) done[voxel * classes + c] /= this.#weights[voxel];
    }
    this.#sums.copyWithin(0, count * classes);
    this.#weights.copyWithin(0, count);
    this.#sums.fill(0, this.#sums.length - count * classes);
    this.#weights.fill(0, this.#weights.length - count);
    this.#begin = end;
    return done;
  }
}
