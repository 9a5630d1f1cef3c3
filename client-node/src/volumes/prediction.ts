import { closestAxes, columnLength, placeRasRows, toRasOrder } from './orientation.js';
import { writeNifti } from './nifti-writer.js';
import { positionOn } from './resampling.js';
import { times, voxelCount, type NativeGeometry, type Triple } from './volume.js';

/** Finished rows of class probabilities [rows, y, z, C] in study space, from row `begin` on. */
export interface ProbabilityRows {
  readonly begin: number;
  readonly rows: number;
  readonly probability: Float32Array;
}

/** What a prediction is made on: RAS [x, y, z] on `spacing` (mm). */
export interface StudyGrid {
  readonly shape: Triple;
  readonly spacing: Triple;
  readonly classes: number;
}

/** Writes it as NIfTI on the image's own grid, voxel for voxel, with the image's orientation and position. */
export async function writePrediction(
  path: string,
  rows: AsyncIterable<ProbabilityRows> | Iterable<ProbabilityRows>,
  grid: StudyGrid,
  native: NativeGeometry,
): Promise<void> {
  const labels = new NativeLabels(grid, native);
  for await (const some of rows) labels.add(some);
  await writeNifti(path, { voxels: labels.whole(), geometry: native, isLabel: true });
}

/**
 * The class of highest trilinear probability of every voxel of the image's own grid, filled in as rows of probabilities
 * come. A byte per voxel is held, and one row of probabilities: a file's fastest axis is often the one that rows come along,
 * so that no voxel could be written before the last.
 */
export class NativeLabels {
  /** In the file's own order, i fastest. */
  readonly #voxels: Uint8Array;
  readonly #map;
  /** The image's own grid in RAS, and study voxels per voxel of it. */
  readonly #result: Triple;
  readonly #ratio: Triple;
  /** Row before the next one to come. */
  #before: Float32Array | undefined;
  #came = 0;
  #placed = 0;

  constructor(
    private readonly grid: StudyGrid,
    private readonly native: NativeGeometry,
  ) {
    const map = closestAxes(native.affine);
    const lengths = [0, 1, 2].map((column) => columnLength(native.affine, column)) as unknown as Triple;
    this.#map = map;
    this.#voxels = new Uint8Array(voxelCount(native.shape));
    this.#result = toRasOrder(native.shape, map);
    this.#ratio = toRasOrder(lengths, map).map((size, axis) =>
      native.spacingKnown ? size / grid.spacing[axis] : 1,
    ) as unknown as Triple;
  }

  /** Rows in order, none left out. */
  add({ begin, rows, probability }: ProbabilityRows): void {
    const { shape, classes } = this.grid;
    const row = shape[1] * shape[2] * classes;
    const expected = `rows from ${this.#came} of ${times([shape[1], shape[2], classes])}`;
    if (begin !== this.#came || probability.length !== rows * row) {
      throw new RangeError(`prediction: expected ${expected}, got ${probability.length} values from row ${begin} on`);
    }
    this.#came = begin + rows;
    const planeOf = (x: number) =>
      x < begin ? this.#before! : probability.subarray((x - begin) * row, (x - begin + 1) * row);
    const labels: Uint8Array[] = [];
    const [outputs, inputs, ratio] = [this.#result[0], shape[0], this.#ratio[0]];
    for (let x = this.#placed; x < outputs; x++) {
      const [below, above, share] = between(x, outputs, inputs, ratio);
      if (above >= this.#came) break;
      labels.push(this.#likeliest(planeOf(below), planeOf(above), share));
    }
    placeRasRows(new Uint8Array(Buffer.concat(labels)), this.#placed, this.#voxels, this.native.shape, this.#map);
    this.#placed += labels.length;
    this.#before = probability.slice((rows - 1) * row);
  }

  whole(): Uint8Array {
    if (this.#came !== this.grid.shape[0]) {
      throw new RangeError(`prediction: expected ${this.grid.shape[0]} rows, got ${this.#came}`);
    }
    return this.#voxels;
  }

  /** One row of labels [y, z] between two study rows. */
  #likeliest(below: Float32Array, above: Float32Array, share: number): Uint8Array {
    const { shape, classes } = this.grid;
    const [, height, depth] = this.#result;
    const line = shape[2] * classes;
    const plane = share === 0 ? below : blend(below, above, share);
    const out = new Uint8Array(height * depth);
    let to = 0;
    for (let y = 0; y < height; y++) {
      const [y0, y1, fy] = between(y, height, shape[1], this.#ratio[1]);
      const first = plane.subarray(y0 * line, (y0 + 1) * line);
      const row = fy === 0 ? first : blend(first, plane.subarray(y1 * line, (y1 + 1) * line), fy);
      for (let z = 0; z < depth; z++) {
        const [z0, z1, fz] = between(z, depth, shape[2], this.#ratio[2]);
        out[to++] = argmaxBetween(row, z0 * classes, z1 * classes, fz, classes);
      }
    }
    return out;
  }
}

/** The two input positions around one output position, and the weight of the second. */
function between(index: number, count: number, inputs: number, ratio: number): [number, number, number] {
  const at = Math.min(Math.max(positionOn(index, count, inputs, ratio), 0), inputs - 1);
  const first = Math.min(Math.floor(at), Math.max(0, inputs - 2));
  return [first, Math.min(first + 1, inputs - 1), at - first];
}

function blend(a: Float32Array, b: Float32Array, share: number): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i] * (1 - share) + b[i] * share;
  return out;
}

function argmaxBetween(row: Float32Array, a: number, b: number, share: number, classes: number): number {
  let best = 0;
  let highest = -Infinity;
  for (let c = 0; c < classes; c++) {
    const value = row[a + c] * (1 - share) + row[b + c] * share;
    if (value > highest) [best, highest] = [c, value];
  }
  return best;
}
