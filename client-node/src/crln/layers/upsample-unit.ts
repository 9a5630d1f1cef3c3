import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import { DoublingKernel } from './kernel.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** Transposed convolution 2x2x2 with bias, then ReLU: x [b, h, w, d, in] -> [b, 2h, 2w, 2d, out]. */
export class UpsampleUnit implements Layer {
  readonly #kernel: DoublingKernel;
  readonly #bias: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#kernel = new DoublingKernel(ops, weights, name);
    this.#bias = weights.parameter(`${name}.bias`);
  }

  forward(x: Tensor, pass: Pass): Forwarded {
    const { ops } = this;
    const output = ops.tidy(() => ops.relu(ops.add(this.#kernel.apply(x), this.#bias.read())));
    if (!pass.gradient) {
      ops.dispose(x);
      return { output, backward: noBackward };
    }
    const kept = ops.reshape(output, output.shape);
    const backward = (dOutput: Tensor): Tensor => {
      const dSum = ops.reluGrad(dOutput, kept);
      ops.dispose(dOutput, kept);
      this.#bias.addGradient(ops.sum(dSum, [0, 1, 2, 3]));
      this.#kernel.addFilterGrad(x, dSum);
      ops.dispose(x);
      const dx = this.#kernel.inputGrad(dSum);
      ops.dispose(dSum);
      return dx;
    };
    return { output, backward };
  }
}
