import {
  ChangeSketch,
  ExposureMeter,
  meanOfVariance,
  normRefusal,
  roleOf,
  ValueCheck,
  WINDOW,
  windows,
  type Change,
  type ExpectedTensor,
  type Exposure,
  type Refusal,
  type Stretch,
  type ValueRange,
} from '@consilium/shared';
import type { TensorFile } from './tensor-file.js';

interface Checked {
  file: TensorFile;
  /** The base. */
  before: TensorFile;
  tensors: readonly ExpectedTensor[];
  ranges: ReadonlyMap<string, ValueRange>;
  maximumNorm: number;
}

/** How an update that has passed differs from its base. */
export interface Admitted extends Change {
  exposure: Exposure;
}

/** One pass over an update whose header has been admitted: every value in its range, and how all of them have changed. */
export function checkValues(checked: Checked): Refusal | Admitted {
  const { file, before, tensors, ranges, maximumNorm } = checked;
  const check = new ValueCheck(WINDOW);
  const former = new Float32Array(WINDOW);
  const sketch = new ChangeSketch();
  const exposure = new ExposureMeter();
  for (const tensor of tensors) {
    const role = roleOf(tensor);
    for (const window of windows(tensor)) {
      const values = check.place(window.length);
      file.read(tensor.name, window.start, values);
      const refusal = check.refusal(tensor.name, ranges.get(tensor.name)!, window);
      if (refusal) return refusal;
      if (role === 'variance') addMoments(exposure, checked, tensor, window);
      if (role === 'prototype-support') exposure.addSupport(tensor, window.start, values);
      if (role !== 'parameter') continue;
      const base = former.subarray(0, window.length);
      before.read(tensor.name, window.start, base);
      sketch.add(values, base);
    }
  }
  const change = sketch.finish();
  return normRefusal(change, maximumNorm) ?? { ...change, exposure: exposure.finish(change) };
}

/** A batch norm's channels are few: their means are read once more rather than kept. */
function addMoments(
  exposure: ExposureMeter,
  { file, before }: Checked,
  { name }: ExpectedTensor,
  { start, length }: Stretch,
): void {
  const [update, base] = [file, before].map((source) => {
    const moments = { mean: new Float32Array(length), variance: new Float32Array(length) };
    source.read(meanOfVariance(name), start, moments.mean);
    source.read(name, start, moments.variance);
    return moments;
  });
  exposure.addMoments(name, update, base);
}
