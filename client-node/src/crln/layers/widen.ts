import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** The border between convolutions in mixed precision and the rest: bfloat16 becomes float32, other types pass. */
export class Widen implements Layer {
  constructor(private readonly ops: Ops) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    if (x.dtype !== 'bfloat16') return { output: x, backward: (dOutput) => dOutput };
    const into = (value: Tensor, dtype: Tensor['dtype']) => {
      const result = this.ops.cast(value, dtype);
      this.ops.dispose(value);
      return result;
    };
    const backward = (dOutput: Tensor) => into(dOutput, 'bfloat16');
    return { output: into(x, 'float32'), backward: pass.gradient ? backward : noBackward };
  }
}
