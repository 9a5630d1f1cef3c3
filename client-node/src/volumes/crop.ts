import type { Random } from '@consilium/shared';
import type { Triple } from './volume.js';

/** Foreground voxels remembered of a case: enough to place patches evenly over an organ, at 16 KB a case. */
const REMEMBERED = 4096;

/** Corner of a patch that lies wholly inside; where the volume is smaller, centred around it (a negative corner). */
export function randomCorner(shape: Triple, patch: Triple, random: Random): Triple {
  return eachAxis((axis) => {
    const room = shape[axis] - patch[axis];
    return room > 0 ? random.below(room + 1) : Math.ceil(room / 2);
  });
}

/** As `randomCorner`, of the patches that hold the voxel. */
export function placeAround(voxel: number, shape: Triple, patch: Triple, random: Random): Triple {
  const z = voxel % shape[2];
  const y = Math.floor(voxel / shape[2]) % shape[1];
  const at = [Math.floor(voxel / (shape[1] * shape[2])), y, z];
  return eachAxis((axis) => {
    const room = shape[axis] - patch[axis];
    if (room <= 0) return Math.ceil(room / 2);
    const lowest = Math.max(0, at[axis] - patch[axis] + 1);
    const highest = Math.min(room, at[axis]);
    return lowest + random.below(highest - lowest + 1);
  });
}

function eachAxis(of: (axis: number) => number): Triple {
  return [of(0), of(1), of(2)];
}

/** Flat indices of voxels with a class above 0, thinned evenly to at most 4096. */
export function foregroundVoxels(label: Uint8Array): Int32Array {
  let total = 0;
  for (let i = 0; i < label.length; i++) if (label[i] !== 0) total++;
  const kept = new Int32Array(Math.min(total, REMEMBERED));
  let seen = 0;
  let next = 0;
  for (let i = 0; i < label.length && next < kept.length; i++) {
    if (label[i] === 0) continue;
    if (seen >= Math.floor((next * total) / kept.length)) kept[next++] = i;
    seen++;
  }
  return kept;
}

/** Copies the patch at `corner` of a volume to `out` from `offset` on; voxels outside the volume become `padding`. */
export function cropInto(
  out: Float32Array | Int32Array,
  offset: number,
  volume: Float32Array | Uint8Array,
  shape: Triple,
  patch: Triple,
  corner: Triple,
  padding: number,
): void {
  const [px, py, pz] = patch;
  const from = Math.max(0, -corner[2]);
  const to = Math.min(pz, shape[2] - corner[2]);
  if (corner.some((start, axis) => start < 0 || start + patch[axis] > shape[axis])) {
    out.fill(padding, offset, offset + px * py * pz);
  }
  for (let x = Math.max(0, -corner[0]); x < Math.min(px, shape[0] - corner[0]); x++) {
    for (let y = Math.max(0, -corner[1]); y < Math.min(py, shape[1] - corner[1]); y++) {
      const row = ((corner[0] + x) * shape[1] + corner[1] + y) * shape[2] + corner[2];
      out.set(volume.subarray(row + from, row + to), offset + (x * py + y) * pz + from);
    }
  }
}
