import type { Ops } from '../../engine/ops.js';
import { sizeOf, type Tensor } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/**
 * y = x W + bias along the last axis, x [..., in] -> [..., out]. Weights [in, out], or the [1, 1, 1, in, out] of a 1x1x1
 * convolution, which is the same product.
 */
export class Linear implements Layer {
  readonly #weight: Parameter;
  readonly #bias: Parameter | null;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#weight = weights.parameter(`${name}.weight`);
    this.#bias = weights.has(`${name}.bias`) ? weights.parameter(`${name}.bias`) : null;
  }

  forward(x: Tensor, pass: Pass): Forwarded {
    const ops = this.ops;
    const [inputs, outputs] = this.#weight.shape.slice(-2) as [number, number];
    const rows = sizeOf(x.shape) / inputs;
    const output = ops.tidy(() => {
      const product = ops.matMul(ops.reshape(x, [rows, inputs]), this.#matrix());
      const sum = this.#bias === null ? product : ops.add(product, this.#bias.read());
      return ops.reshape(sum, [...x.shape.slice(0, -1), outputs]);
    });
    if (!pass.gradient) {
      ops.dispose(x);
      return { output, backward: noBackward };
    }
    const backward = (dOutput: Tensor): Tensor => {
      const { dx, dWeight, dBias } = ops.tidy(() => {
        const dy = ops.reshape(dOutput, [rows, outputs]);
        return {
          dx: ops.reshape(ops.matMul(dy, this.#matrix(), { transposeB: true }), x.shape),
          dWeight: ops.matMul(ops.reshape(x, [rows, inputs]), dy, { transposeA: true }),
          dBias: this.#bias === null ? null : ops.sum(dy, [0]),
        };
      });
      ops.dispose(x, dOutput);
      this.#weight.addGradient(dWeight);
      if (dBias !== null) this.#bias?.addGradient(dBias);
      return dx;
    };
    return { output, backward };
  }

  #matrix(): Tensor {
    return this.ops.reshape(this.#weight.read(), this.#weight.shape.slice(-2));
  }
}
