import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { LabelledPatches } from './patches.js';

/** Side of the voxels that the first level's attention sees, in voxels of the image. */
const COARSE = 4;

/**
 * How many labelled voxels each prototype stands for [C, R]: those of its class in each patch, times the share of its
 * attention that falls on them. `attention` [b, C R, voxels] sums to 1 over the voxels at quarter resolution; a coarse voxel
 * has the label of the one at its corner.
 */
export function attendedVoxels(ops: Ops, attention: Tensor, patches: LabelledPatches, classes: number): Float64Array {
  const [batch, maps, voxels] = attention.shape as [number, number, number];
  const { coarse, counts } = coarseLabels(patches, classes, voxels);
  const mass = ops.tidy(() =>
    ops.toHost(
      ops.cast(
        ops.matMul(attention, ops.cast(ops.fromHost(coarse, [batch, voxels, classes]), attention.dtype)),
        'float32',
      ),
    ),
  );
  const attended = new Float64Array(maps);
  const perClass = maps / classes;
  for (let b = 0; b < batch; b++) {
    for (let map = 0; map < maps; map++) {
      const c = Math.floor(map / perClass);
      attended[map] += counts[b * classes + c] * mass[(b * maps + map) * classes + c];
    }
  }
  return attended;
}

/** One-hot labels at quarter resolution [b, voxels, C], and the voxels of each class at full resolution [b, C]. */
function coarseLabels({ label, shape }: LabelledPatches, classes: number, voxels: number) {
  const [batch, height, width, depth] = shape;
  const coarse = new Float32Array(batch * voxels * classes);
  const counts = new Float64Array(batch * classes);
  label.forEach((c, i) => {
    if (c >= 0) counts[Math.floor(i / (height * width * depth)) * classes + c]++;
  });
  let row = 0;
  for (let b = 0; b < batch; b++) {
    for (let x = 0; x < height; x += COARSE) {
      for (let y = 0; y < width; y += COARSE) {
        for (let z = 0; z < depth; z += COARSE, row++) {
          const c = label[((b * height + x) * width + y) * depth + z];
          if (c >= 0) coarse[row * classes + c] = 1;
        }
      }
    }
  }
  return { coarse, counts };
}
