import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** x Phi(x) with the exact normal distribution function (Hendrycks and Gimpel 2016), elementwise. */
export class Gelu implements Layer {
  constructor(private readonly ops: Ops) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    const { ops } = this;
    const output = ops.tidy(() => ops.mul(x, this.#distribution(x)));
    if (!pass.gradient) {
      ops.dispose(x);
      return { output, backward: noBackward };
    }
    const backward = (dOutput: Tensor): Tensor => {
      const dx = ops.tidy(() => {
        const density = ops.mul(ops.exp(ops.mul(ops.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return ops.mul(dOutput, ops.add(this.#distribution(x), ops.mul(x, density)));
      });
      ops.dispose(x, dOutput);
      return dx;
    };
    return { output, backward };
  }

  #distribution(x: Tensor): Tensor {
    return this.ops.mul(this.ops.add(this.ops.erf(this.ops.mul(x, Math.SQRT1_2)), 1), 0.5);
  }
}
