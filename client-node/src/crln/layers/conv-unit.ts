import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { BatchNorm } from './batch-norm.js';
import type { Kernel } from './kernel.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** Convolution, batch norm, ReLU: x [b, h, w, d, in] -> [b, h', w', d', out]. */
export class ConvUnit implements Layer {
  constructor(
    private readonly ops: Ops,
    private readonly kernel: Kernel,
    private readonly norm: BatchNorm,
    /** `image`: x is the image itself, whose gradient nobody needs; `backward` then returns an empty tensor. */
    private readonly input: 'features' | 'image' = 'features',
  ) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    const ops = this.ops;
    const convolved = this.kernel.apply(x);
    if (!pass.gradient) ops.dispose(x);
    const { y, moments } = this.norm.apply(convolved, pass);
    const output = ops.relu(y);
    ops.dispose(y);
    if (!pass.gradient || moments === null) {
      ops.dispose(convolved);
      if (moments !== null) this.norm.disposeMoments(moments);
      return { output, backward: noBackward };
    }
    const kept = ops.reshape(output, output.shape);
    const backward = (dOutput: Tensor): Tensor => {
      const dNorm = ops.reluGrad(dOutput, kept);
      ops.dispose(dOutput, kept);
      const dConvolved = this.norm.backward(dNorm, convolved, moments);
      ops.dispose(convolved);
      this.kernel.addFilterGrad(x, dConvolved);
      const dx =
        this.input === 'image' ? ops.fromHost(new Float32Array(0), [0]) : this.kernel.inputGrad(dConvolved, x.shape);
      ops.dispose(x, dConvolved);
      return dx;
    };
    return { output, backward };
  }
}
