import {
  ChangeSketch,
  normRefusal,
  roleOf,
  ValueCheck,
  WINDOW,
  windows,
  type Change,
  type ExpectedTensor,
  type Refusal,
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

/** One pass over an update whose header has been admitted: every value in its range, and how all of them have changed. */
export function checkValues({ file, before, tensors, ranges, maximumNorm }: Checked): Refusal | Change {
  const check = new ValueCheck(WINDOW);
  const former = new Float32Array(WINDOW);
  const sketch = new ChangeSketch();
  for (const tensor of tensors) {
    const isTrained = roleOf(tensor) === 'parameter';
    for (const window of windows(tensor)) {
      const values = check.place(window.length);
      file.read(tensor.name, window.start, values);
      const refusal = check.refusal(tensor.name, ranges.get(tensor.name)!, window);
      if (refusal) return refusal;
      if (!isTrained) continue;
      const base = former.subarray(0, window.length);
      before.read(tensor.name, window.start, base);
      sketch.add(values, base);
    }
  }
  const change = sketch.finish();
  return normRefusal(change, maximumNorm) ?? change;
}
