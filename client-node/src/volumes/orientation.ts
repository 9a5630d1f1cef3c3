import type { Affine, Triple } from './volume.js';

/** For each RAS axis, the file's axis that runs closest to it and whether it runs the other way. */
export interface AxisMap {
  readonly axis: Triple;
  readonly flipped: readonly [boolean, boolean, boolean];
}

const POSITIVE = 'RAS';
const NEGATIVE = 'LPI';
/** Edge of a square tile, in voxels: a tile of both arrays stays in the first-level cache while it is transposed. */
const TILE = 32;

export function columnLength(affine: Affine, column: number): number {
  return Math.hypot(affine[column], affine[4 + column], affine[8 + column]);
}

/** Finite, and its three directions span space. */
export function isUsable(affine: Affine): boolean {
  if (affine.length !== 12 || !affine.every(Number.isFinite)) return false;
  const [a, b, c] = [0, 1, 2].map((column) => columnLength(affine, column)) as [number, number, number];
  return a > 0 && b > 0 && c > 0 && Math.abs(determinant(affine)) > 1e-4 * a * b * c;
}

function determinant(m: Affine): number {
  return m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8]) + m[2] * (m[4] * m[9] - m[5] * m[8]);
}

/** Strongest direction cosine first, so that an oblique volume still gets three different axes. */
export function closestAxes(affine: Affine): AxisMap {
  const axis = [-1, -1, -1];
  const flipped = [false, false, false];
  const taken = new Set<number>();
  for (let round = 0; round < 3; round++) {
    let best = { cosine: -1, world: 0, file: 0, flip: false };
    for (let world = 0; world < 3; world++) {
      if (axis[world] !== -1) continue;
      for (let file = 0; file < 3; file++) {
        if (taken.has(file)) continue;
        const signed = affine[world * 4 + file] / columnLength(affine, file);
        if (Math.abs(signed) > best.cosine) best = { cosine: Math.abs(signed), world, file, flip: signed < 0 };
      }
    }
    axis[best.world] = best.file;
    flipped[best.world] = best.flip;
    taken.add(best.file);
  }
  return { axis: axis as unknown as Triple, flipped: flipped as [boolean, boolean, boolean] };
}

/** Degrees between the file's axes and those they are taken for, the worst of the three. */
export function obliqueness(affine: Affine): number {
  const { axis } = closestAxes(affine);
  const cosines = [0, 1, 2].map(
    (world) => Math.abs(affine[world * 4 + axis[world]]) / columnLength(affine, axis[world]),
  );
  return (Math.acos(Math.min(1, ...cosines)) * 180) / Math.PI;
}

/** Where the file's axes i, j, k point to, e.g. LPS. */
export function orientationCode(map: AxisMap): string {
  const letters = ['?', '?', '?'];
  for (let world = 0; world < 3; world++) {
    letters[map.axis[world]] = (map.flipped[world] ? NEGATIVE : POSITIVE)[world]!;
  }
  return letters.join('');
}

export function toRasOrder(values: Triple, map: AxisMap): Triple {
  return [values[map.axis[0]], values[map.axis[1]], values[map.axis[2]]];
}

/** Start and steps in the file's array (i fastest) that walk the RAS axes x, y, z. */
function walk(shape: Triple, map: AxisMap): { start: number; step: [number, number, number] } {
  const strides = [1, shape[0], shape[0] * shape[1]];
  const step: [number, number, number] = [0, 0, 0];
  let start = 0;
  for (let world = 0; world < 3; world++) {
    const file = map.axis[world];
    step[world] = map.flipped[world] ? -strides[file] : strides[file];
    if (map.flipped[world]) start += (shape[file] - 1) * strides[file];
  }
  return { start, step };
}

function forTiles(ras: Triple, visit: (y: number, x0: number, x1: number, z0: number, z1: number) => void): void {
  for (let y = 0; y < ras[1]; y++) {
    for (let z0 = 0; z0 < ras[2]; z0 += TILE) {
      for (let x0 = 0; x0 < ras[0]; x0 += TILE) {
        visit(y, x0, Math.min(x0 + TILE, ras[0]), z0, Math.min(z0 + TILE, ras[2]));
      }
    }
  }
}

/** The file's voxels (i fastest) as RAS [x, y, z] (z fastest), each times `slope` plus `intercept`. */
export function toRas(
  voxels: Float32Array | Float64Array,
  shape: Triple,
  map: AxisMap,
  slope: number,
  intercept: number,
): Float32Array {
  const ras = toRasOrder(shape, map);
  const { start, step } = walk(shape, map);
  const out = new Float32Array(voxels.length);
  forTiles(ras, (y, x0, x1, z0, z1) => {
    for (let x = x0; x < x1; x++) {
      const row = (x * ras[1] + y) * ras[2];
      const from = start + x * step[0] + y * step[1];
      for (let z = z0; z < z1; z++) out[row + z] = voxels[from + z * step[2]] * slope + intercept;
    }
  });
  return out;
}

/** The way back: RAS [x, y, z] (z fastest) to the file's own order (i fastest). `shape` is the file's. */
export function fromRas<T extends Uint8Array | Int16Array | Float32Array>(voxels: T, shape: Triple, map: AxisMap): T {
  const out = voxels.slice() as T;
  placeRasRows(voxels, 0, out, shape, map);
  return out;
}

/** Puts RAS rows [rows, y, z] from row `first` of a volume on where the file's array `out` has them. */
export function placeRasRows<T extends Uint8Array | Int16Array | Float32Array>(
  voxels: T,
  first: number,
  out: T,
  shape: Triple,
  map: AxisMap,
): void {
  const [, height, depth] = toRasOrder(shape, map);
  const { start, step } = walk(shape, map);
  forTiles([voxels.length / (height * depth), height, depth], (y, x0, x1, z0, z1) => {
    for (let x = x0; x < x1; x++) {
      const row = (x * height + y) * depth;
      const to = start + (first + x) * step[0] + y * step[1];
      for (let z = z0; z < z1; z++) out[to + z * step[2]] = voxels[row + z]!;
    }
  });
}
