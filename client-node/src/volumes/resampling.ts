import { times, voxelCount, type Triple } from './volume.js';

/** Steps per voxel within this share of one are the same grid: spacings pass through float32 on their way. */
const SAME_GRID = 1e-4;

/** Voxels that cover the same extent at another spacing. */
export function resampledShape(shape: Triple, spacing: Triple, target: Triple): Triple {
  const sides = shape.map((side, axis) => Math.max(1, Math.round((side * spacing[axis]) / target[axis] + 1e-6)));
  return sides as unknown as Triple;
}

function isSameGrid(spacing: Triple, target: Triple): boolean {
  return spacing.every((size, axis) => Math.abs(size / target[axis] - 1) < SAME_GRID);
}

/** Where voxel `index` of a grid of `count` lies on the other grid; both grids share their centre. */
export function positionOn(index: number, count: number, otherCount: number, ratio: number): number {
  return (index - (count - 1) / 2) * ratio + (otherCount - 1) / 2;
}

/** Nearest voxel; halves go up, and a rounding error does not decide which. */
export function nearestOn(index: number, count: number, otherCount: number, ratio: number): number {
  const nearest = Math.floor(positionOn(index, count, otherCount, ratio) + 0.5 + 1e-6);
  return Math.min(Math.max(nearest, 0), otherCount - 1);
}

/** For each output voxel along one axis: its first input voxel and the weights from there on. */
interface Taps {
  readonly count: number;
  readonly first: Int32Array;
  readonly weights: Float64Array;
}

/**
 * Linear weights. Where the output is coarser than two input voxels the triangle is widened to half the step, so that
 * no input voxel is skipped (a thin slice would otherwise alias); up to there it is plain linear interpolation.
 */
function linearTaps(inputs: number, outputs: number, ratio: number): Taps {
  const reach = Math.max(1, ratio / 2);
  const count = Math.min(inputs, Math.ceil(2 * reach) + 1);
  const first = new Int32Array(outputs);
  const weights = new Float64Array(outputs * count);
  for (let o = 0; o < outputs; o++) {
    const centre = Math.min(Math.max(positionOn(o, outputs, inputs, ratio), 0), inputs - 1);
    const start = Math.min(Math.max(Math.ceil(centre - reach), 0), inputs - count);
    first[o] = start;
    let sum = 0;
    for (let k = 0; k < count; k++)
      sum += weights[o * count + k] = Math.max(0, 1 - Math.abs(start + k - centre) / reach);
    for (let k = 0; k < count; k++) weights[o * count + k] /= sum;
  }
  return { count, first, weights };
}

/** Along an axis with `inner` values per step: [outer, inputs, inner] to [outer, outputs, inner]. */
function alongAxis(data: Float32Array, outer: number, inputs: number, inner: number, outputs: number, taps: Taps) {
  const out = new Float32Array(outer * outputs * inner);
  if (inner === 1) return alongLastAxis(data, out, inputs, taps);
  for (let a = 0; a < outer; a++) {
    for (let o = 0; o < outputs; o++) {
      const to = (a * outputs + o) * inner;
      for (let k = 0; k < taps.count; k++) {
        const weight = taps.weights[o * taps.count + k];
        if (weight === 0) continue;
        const from = (a * inputs + taps.first[o] + k) * inner;
        for (let i = 0; i < inner; i++) out[to + i] += weight * data[from + i];
      }
    }
  }
  return out;
}

/** The same where steps lie side by side: no inner loop to amortise the look-up of weights. */
function alongLastAxis(data: Float32Array, out: Float32Array, inputs: number, { count, first, weights }: Taps) {
  const outputs = first.length;
  for (let row = 0, from = 0; row < out.length; row += outputs, from += inputs) {
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += weights[o * count + k] * data[from + first[o] + k];
      out[row + o] = sum;
    }
  }
  return out;
}

/** Trilinear, [x, y, z] at `spacing` to the study's `target` spacing, both in mm. The input itself where they agree. */
export function resampleImage(image: Float32Array, shape: Triple, spacing: Triple, target: Triple): Float32Array {
  assertSize(image.length, shape);
  if (isSameGrid(spacing, target)) return image;
  const result = resampledShape(shape, spacing, target);
  let data = image;
  const sides = [...shape];
  for (const axis of [0, 1, 2]) {
    const ratio = target[axis] / spacing[axis];
    if (Math.abs(ratio - 1) < SAME_GRID) continue;
    const outer = voxelCount(sides.slice(0, axis));
    const inner = voxelCount(sides.slice(axis + 1));
    const taps = linearTaps(sides[axis], result[axis], ratio);
    data = alongAxis(data, outer, sides[axis], inner, result[axis], taps);
    sides[axis] = result[axis]!;
  }
  return data;
}

/** Nearest neighbour, for labels. */
export function resampleLabel(label: Uint8Array, shape: Triple, spacing: Triple, target: Triple): Uint8Array {
  assertSize(label.length, shape);
  if (isSameGrid(spacing, target)) return label;
  const ratio = target.map((size, axis) => size / spacing[axis]) as unknown as Triple;
  return pickNearest(label, shape, resampledShape(shape, spacing, target), ratio);
}

/** `ratio`: input voxels per output voxel along each axis. */
export function pickNearest(label: Uint8Array, shape: Triple, result: Triple, ratio: Triple): Uint8Array {
  const [xs, ys, zs] = [0, 1, 2].map((axis) =>
    Int32Array.from({ length: result[axis] }, (_, o) => nearestOn(o, result[axis], shape[axis], ratio[axis])),
  ) as [Int32Array, Int32Array, Int32Array];
  const out = new Uint8Array(voxelCount(result));
  let to = 0;
  for (const x of xs) {
    for (const y of ys) {
      const row = (x * shape[1] + y) * shape[2];
      for (let z = 0; z < zs.length; z++) out[to++] = label[row + zs[z]]!;
    }
  }
  return out;
}

function assertSize(voxels: number, shape: Triple): void {
  if (voxels !== voxelCount(shape)) {
    throw new RangeError(`resampling: expected ${times(shape)} voxels, got an array of ${voxels}`);
  }
}
