export type Triple = readonly [number, number, number];
type Axes<T> = readonly [T, T, T];

export type Weighting = 'uniform' | 'gaussian';

/** Voxels between neighbouring windows [h, w, d] that share `overlap` (0 to below 1) of each side. */
export function strideOf(patch: Triple, overlap: number): Triple {
  return perAxis((axis) => Math.max(1, Math.round(patch[axis] * (1 - overlap))));
}

/** Corners along one axis: every `stride` voxels, and a last one that ends with the volume. Where the patch is longer, it is centred. */
export function cornersAlong(size: number, patch: number, stride: number): number[] {
  const room = size - patch;
  if (room <= 0) return [Math.ceil(room / 2)];
  const corners = Array.from({ length: Math.ceil(room / stride) }, (_, i) => i * stride);
  return [...corners, room];
}

/**
 * Weights of a window's voxels along one axis: flat, or a Gaussian around the middle with an eighth of the side as deviation.
 * At the rim it is exp(-8), so that the product of three still divides where only rims cover a voxel.
 */
export function weightsAlong(side: number, weighting: Weighting): Float64Array {
  return Float64Array.from({ length: side }, (_, i) =>
    weighting === 'uniform' ? 1 : Math.exp(-0.5 * ((i - (side - 1) / 2) / (side / 8)) ** 2),
  );
}

/** Where windows lie on a volume, and what each voxel counts for in them: the product of its weights along the three axes. */
export class WindowGrid {
  /** First voxels of the windows, in the order of their rows; negative where the volume is smaller than the patch. */
  readonly corners: readonly Triple[];
  /** Of a window's voxels, along each axis. */
  readonly weights: Axes<Float64Array>;
  /** Sums over all windows, along each axis of the volume: weights are products, and so are their sums over the grid. */
  readonly totals: Axes<Float64Array>;

  constructor(
    readonly shape: Triple,
    readonly patch: Triple,
    stride: Triple,
    weighting: Weighting,
  ) {
    if (!stride.every((step, axis) => Number.isInteger(step) && step >= 1 && step <= patch[axis])) {
      throw new RangeError(
        `windows: expected a stride of 1 to the patch, ${patch.join(' x ')}, got ${stride.join(' x ')}`,
      );
    }
    const axes = perAxis((axis) => cornersAlong(shape[axis], patch[axis], stride[axis]));
    const [xs, ys, zs] = axes;
    this.corners = xs.flatMap((x) => ys.flatMap((y) => zs.map((z) => [x, y, z] as const)));
    this.weights = perAxis((axis) => weightsAlong(patch[axis], weighting));
    this.totals = perAxis((axis) => totalsAlong(shape[axis], axes[axis], this.weights[axis]));
  }

  /** The part of a window that lies inside the volume, a run of voxels along the last axis at a time. */
  forRuns(corner: Triple, visit: (run: Run) => void): void {
    const { shape, patch } = this;
    const [begin, end] = [
      perAxis((axis) => Math.max(0, corner[axis])),
      perAxis((axis) => Math.min(shape[axis], corner[axis] + patch[axis])),
    ];
    const [z, k, length] = [begin[2], begin[2] - corner[2], end[2] - begin[2]];
    for (let x = begin[0]; x < end[0]; x++) {
      for (let y = begin[1]; y < end[1]; y++) {
        const [i, j] = [x - corner[0], y - corner[1]];
        visit({ x, y, z, i, j, k, at: (i * patch[1] + j) * patch[2] + k, length });
      }
    }
  }

  /** Copies a window of an image [shape, channels] to `out` from `offset` on; outside is `padding`. */
  cut(image: Float32Array, channels: number, corner: Triple, padding: number, out: Float32Array, offset: number): void {
    const { shape, patch } = this;
    if (patch.some((side, axis) => side > shape[axis])) {
      out.fill(padding, offset, offset + patch[0] * patch[1] * patch[2] * channels);
    }
    this.forRuns(corner, ({ x, y, z, at, length }) => {
      const from = ((x * shape[1] + y) * shape[2] + z) * channels;
      out.set(image.subarray(from, from + length * channels), offset + at * channels);
    });
  }
}

/** `length` voxels from x, y, z of the volume on, which are i, j, k of the window; `at` is their first one's place in it. */
interface Run {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly i: number;
  readonly j: number;
  readonly k: number;
  readonly at: number;
  readonly length: number;
}

/** Finished rows of a prediction: mean probabilities over windows [rows, w, d, C] from row `begin` of the volume on. */
export interface PredictedRows {
  readonly begin: number;
  readonly rows: number;
  readonly probability: Float32Array;
}

/**
 * Sums of weighted class probabilities over a slab of the volume: the rows that windows may still reach, a patch's height
 * of them. Rows leave it for good as the windows move on, so that memory does not grow with the volume's height.
 */
export class Slab {
  /** Row x of the volume lies at x modulo the height. */
  readonly #sums: Float32Array;
  readonly #height: number;
  #begin = 0;

  constructor(
    private readonly grid: WindowGrid,
    private readonly classes: number,
  ) {
    const { shape, patch } = grid;
    this.#height = Math.min(patch[0], shape[0]);
    this.#sums = new Float32Array(this.#height * shape[1] * shape[2] * classes);
  }

  /** Adds one window's probabilities [h, w, d, C], from `offset` of an array on. */
  add(probability: Float32Array, offset: number, corner: Triple): void {
    const { classes } = this;
    const { shape, weights } = this.grid;
    const sums = this.#sums;
    this.grid.forRuns(corner, ({ x, y, z, i, j, k, at, length }) => {
      let from = offset + at * classes;
      let to = (((x % this.#height) * shape[1] + y) * shape[2] + z) * classes;
      const line = weights[0][i] * weights[1][j];
      for (let n = k; n < k + length; n++) {
        const weight = line * weights[2][n];
        for (let c = 0; c < classes; c++) sums[to++] += weight * probability[from++];
      }
    });
  }

  /** The rows below `end`, which no further window reaches, at most `most` at a time; the slab then begins at `end`. */
  *finish(end: number, most: number): Generator<PredictedRows> {
    while (this.#begin < end) {
      const begin = this.#begin;
      const rows = Math.min(end - begin, most);
      const row = this.#sums.length / this.#height;
      const probability = new Float32Array(rows * row);
      for (let r = 0; r < rows; r++) this.#takeRow(begin + r, probability.subarray(r * row, (r + 1) * row));
      this.#begin = begin + rows;
      yield { begin, rows, probability };
    }
  }

  #takeRow(x: number, out: Float32Array): void {
    const [a, b, c] = this.grid.totals;
    const start = (x % this.#height) * out.length;
    const sums = this.#sums.subarray(start, start + out.length);
    let at = 0;
    for (const across of b) {
      for (const along of c) {
        const share = 1 / (a[x] * across * along);
        for (let n = 0; n < this.classes; n++, at++) out[at] = sums[at] * share;
      }
    }
    sums.fill(0);
  }
}

function totalsAlong(size: number, corners: readonly number[], weights: Float64Array): Float64Array {
  const totals = new Float64Array(size);
  for (const corner of corners) {
    weights.forEach((weight, i) => {
      if (corner + i >= 0 && corner + i < size) totals[corner + i] += weight;
    });
  }
  return totals;
}

function perAxis<T>(make: (axis: 0 | 1 | 2) => T): Axes<T> {
  return [make(0), make(1), make(2)];
}
