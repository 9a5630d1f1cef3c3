import { squaredDistances } from './distance-transform.js';
import { times, voxelCount, type Triple } from './volume.js';

/** Of one class. Distances in mm; null where the prediction or the reference holds no voxel of the class. */
export interface OverlapMetrics {
  readonly dice: number;
  readonly jaccard: number;
  /** 95th percentile of both directions' surface distances put together. */
  readonly hd95: number | null;
  /** Mean distance from the prediction's surface to the reference's. */
  readonly asd: number | null;
  /** Mean of both directions put together. */
  readonly assd: number | null;
}

export interface SegmentationMetrics {
  /** Of classes 1 to classes - 1. */
  readonly perClass: readonly OverlapMetrics[];
  /** Over those classes. Distances: over the classes that both maps hold; null where a class is missing from one of them. */
  readonly mean: OverlapMetrics;
}

/** Label maps [x, y, z], spacing in mm. A class missing from both maps counts as found: Dice 1. */
export function segmentationMetrics(
  prediction: Uint8Array,
  reference: Uint8Array,
  shape: Triple,
  spacing: Triple,
  classes: number,
): SegmentationMetrics {
  const perClass = Array.from({ length: classes - 1 }, (_, index) =>
    classMetrics(prediction, reference, shape, spacing, index + 1),
  );
  const over = (key: 'dice' | 'jaccard') => mean(perClass.map((one) => one[key])) ?? 1;
  // A class that one map alone holds has no distance, and leaving it out would make a missed organ look well placed.
  const missed = perClass.some(({ dice, hd95 }) => hd95 === null && dice === 0);
  const distance = (key: 'hd95' | 'asd' | 'assd') =>
    missed ? null : mean(perClass.map((one) => one[key]).filter((value) => value !== null));
  return {
    perClass,
    mean: {
      dice: over('dice'),
      jaccard: over('jaccard'),
      hd95: distance('hd95'),
      asd: distance('asd'),
      assd: distance('assd'),
    },
  };
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function classMetrics(
  prediction: Uint8Array,
  reference: Uint8Array,
  shape: Triple,
  spacing: Triple,
  organ: number,
): OverlapMetrics {
  if (prediction.length !== voxelCount(shape) || reference.length !== voxelCount(shape)) {
    throw new RangeError(
      `metrics: expected two maps of ${times(shape)}, got ${prediction.length} and ${reference.length} voxels`,
    );
  }
  let [predicted, actual, both] = [0, 0, 0];
  for (let i = 0; i < prediction.length; i++) {
    const p = prediction[i] === organ;
    const r = reference[i] === organ;
    if (p) predicted++;
    if (r) actual++;
    if (p && r) both++;
  }
  if (predicted === 0 || actual === 0) {
    const overlap = predicted === actual ? 1 : 0;
    return { dice: overlap, jaccard: overlap, hd95: null, asd: null, assd: null };
  }
  const overlap = { dice: (2 * both) / (predicted + actual), jaccard: both / (predicted + actual - both) };
  return { ...overlap, ...surfaceMetrics(prediction, reference, shape, spacing, organ) };
}

function surfaceMetrics(prediction: Uint8Array, reference: Uint8Array, shape: Triple, spacing: Triple, organ: number) {
  const box = boundingBox([prediction, reference], shape, organ);
  const ours = surface(masked(prediction, shape, box, organ), box.shape);
  const theirs = surface(masked(reference, shape, box, organ), box.shape);
  const there = distancesFrom(ours, squaredDistances(theirs, box.shape, spacing));
  const back = distancesFrom(theirs, squaredDistances(ours, box.shape, spacing));
  const all = new Float64Array(there.length + back.length);
  all.set(there);
  all.set(back, there.length);
  return { hd95: percentile(all, 0.95), asd: sum(there) / there.length, assd: sum(all) / all.length };
}

interface Box {
  readonly corner: Triple;
  readonly shape: Triple;
}

/** Around the class in every map: surfaces lie inside, so distances between them need nothing beyond. */
function boundingBox(maps: readonly Uint8Array[], shape: Triple, organ: number): Box {
  const low = [...shape] as [number, number, number];
  const high: [number, number, number] = [-1, -1, -1];
  for (const map of maps) {
    for (let x = 0, row = 0; x < shape[0]; x++) {
      for (let y = 0; y < shape[1]; y++, row += shape[2]) {
        let [first, last] = [0, shape[2] - 1];
        while (first <= last && map[row + first] !== organ) first++;
        if (first > last) continue;
        while (map[row + last] !== organ) last--;
        low[0] = Math.min(low[0], x);
        low[1] = Math.min(low[1], y);
        low[2] = Math.min(low[2], first);
        high[0] = Math.max(high[0], x);
        high[1] = Math.max(high[1], y);
        high[2] = Math.max(high[2], last);
      }
    }
  }
  return { corner: low, shape: high.map((end, axis) => end - low[axis] + 1) as unknown as Triple };
}

function masked(map: Uint8Array, shape: Triple, box: Box, organ: number): Uint8Array {
  const [bx, by, bz] = box.shape;
  const out = new Uint8Array(bx * by * bz);
  for (let x = 0, i = 0; x < bx; x++) {
    for (let y = 0; y < by; y++) {
      const row = ((x + box.corner[0]) * shape[1] + y + box.corner[1]) * shape[2] + box.corner[2];
      for (let z = 0; z < bz; z++, i++) out[i] = map[row + z] === organ ? 1 : 0;
    }
  }
  return out;
}

/** Voxels of a mask that a 6-connected erosion takes away; outside the array is outside the mask. */
function surface(mask: Uint8Array, [nx, ny, nz]: Triple): Uint8Array {
  const out = new Uint8Array(mask.length);
  for (let x = 0, i = 0; x < nx; x++) {
    for (let y = 0; y < ny; y++) {
      const rim = x === 0 || y === 0 || x === nx - 1 || y === ny - 1;
      for (let z = 0; z < nz; z++, i++) {
        if (mask[i] === 0) continue;
        const inside =
          !rim &&
          z > 0 &&
          z < nz - 1 &&
          mask[i - 1] + mask[i + 1] + mask[i - nz] + mask[i + nz] + mask[i - ny * nz] + mask[i + ny * nz] === 6;
        if (!inside) out[i] = 1;
      }
    }
  }
  return out;
}

function distancesFrom(border: Uint8Array, squared: Float64Array): Float64Array {
  const distances = new Float64Array(border.reduce((count, mark) => count + mark, 0));
  for (let i = 0, next = 0; i < border.length; i++) if (border[i] === 1) distances[next++] = Math.sqrt(squared[i]);
  return distances;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** With linear interpolation between the two nearest ranks. Sorts in place. */
function percentile(values: Float64Array, share: number): number {
  values.sort();
  const rank = share * (values.length - 1);
  const below = values[Math.floor(rank)];
  return below + (rank - Math.floor(rank)) * (values[Math.ceil(rank)] - below);
}
