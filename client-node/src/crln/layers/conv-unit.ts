import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Kernel } from './kernel.js';
import { noBackward, share, type Forwarded, type Layer, type Pass } from './layer.js';
import { momentTensors, type Norm } from './norm.js';

/** Convolution, normalisation, ReLU: x [b, h, w, d, in] -> [b, h', w', d', out]. */
export class ConvUnit implements Layer {
  constructor(
    private readonly ops: Ops,
    private readonly kernel: Kernel,
    private readonly norm: Norm,
    /** `image`: x is the image itself; unless the pass wants its gradient, `backward` returns an empty tensor. */
    private readonly input: 'features' | 'image' = 'features',
  ) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    const ops = this.ops;
    const convolved = this.kernel.apply(x);
    if (!pass.gradient) ops.dispose(x);
    const { y, moments } = this.norm.apply(convolved, pass);
    const output = ops.relu(y);
    ops.dispose(y);
    if (!pass.gradient) {
      ops.dispose(convolved, ...momentTensors(moments));
      return { output, backward: noBackward };
    }
    const kept = share(ops, output);
    const backward = (dOutput: Tensor): Tensor => {
      const dNorm = ops.reluGrad(dOutput, kept);
      ops.dispose(dOutput, kept);
      const dConvolved = this.norm.backward(dNorm, convolved, moments);
      ops.dispose(convolved);
      this.kernel.addFilterGrad(x, dConvolved);
      ops.dispose(x);
      const unwanted = this.input === 'image' && pass.onImageGradient === undefined;
      const dx = unwanted ? emptyGradient(ops) : this.kernel.inputGrad(dConvolved, x.shape);
      ops.dispose(dConvolved);
      return dx;
    };
    return { output, backward };
  }
}

function emptyGradient(ops: Ops): Tensor {
  return ops.fromHost(new Float32Array(0), [0]);
}
