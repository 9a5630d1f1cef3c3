import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { StepMeasure } from './class-priors.js';
import { labelPlanes } from './losses/class-planes.js';

/** Voxels of each kind of patches that the spread is taken from: all of them would cost as much as a convolution. */
const SAMPLE = 4096;

/** Representations of the voxels [.., R] and the class of each, -1 for one that does not count. */
interface Represented {
  readonly representation: Tensor;
  readonly label: Int32Array;
}

/** Sum, count and spread of the representation of each class. The sample for the spread is every n-th voxel. */
export function measureClasses(
  ops: Ops,
  parts: readonly Represented[],
  classes: number,
  channels: number,
): StepMeasure {
  const counts = new Array<number>(classes).fill(0);
  for (const { label } of parts) for (const c of label) if (c >= 0) counts[c]++;
  const rowsOf = ({ representation, label }: Represented) => ops.reshape(representation, [label.length, channels]);
  const sums = ops.tidy(() => {
    const products = parts.map((part) => ops.matMul(labelPlanes(ops, part.label, classes), rowsOf(part)));
    return ops.toHost(products.reduce((sum, product) => ops.add(sum, product))) as Float32Array;
  });
  const deviations = new Float64Array(classes * channels);
  const sampled = new Array<number>(classes).fill(0);
  for (const part of parts) {
    const step = Math.max(1, Math.floor(part.label.length / SAMPLE));
    const rows = Int32Array.from({ length: Math.ceil(part.label.length / step) }, (_, i) => i * step);
    const values = ops.tidy(() => ops.toHost(ops.gatherRows(rowsOf(part), ops.fromHost(rows, [rows.length]))));
    rows.forEach((row, i) => {
      const c = part.label[row];
      if (c < 0) return;
      sampled[c]++;
      for (let r = 0; r < channels; r++) {
        deviations[c * channels + r] += (values[i * channels + r] - sums[c * channels + r] / counts[c]) ** 2;
      }
    });
  }
  return { sums, counts, deviations, sampled };
}
