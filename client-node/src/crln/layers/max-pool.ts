import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import { noBackward, share, type Forwarded, type Layer, type Pass } from './layer.js';

/** Maximum over 2x2x2: x [b, h, w, d, c] with even sides -> [b, h/2, w/2, d/2, c]. */
export class MaxPool implements Layer {
  constructor(private readonly ops: Ops) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    const { ops } = this;
    const output = ops.maxPool3d(x);
    if (!pass.gradient) {
      ops.dispose(x);
      return { output, backward: noBackward };
    }
    const kept = share(ops, output);
    const backward = (dOutput: Tensor): Tensor => {
      const dx = ops.maxPool3dGrad(x, kept, dOutput);
      ops.dispose(x, kept, dOutput);
      return dx;
    };
    return { output, backward };
  }
}
