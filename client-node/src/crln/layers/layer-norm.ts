import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import { EPSILON } from './norm.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** Layer norm along the last axis, x [..., n], with scale and shift [n]. */
export class LayerNorm implements Layer {
  readonly #gamma: Parameter;
  readonly #beta: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#gamma = weights.parameter(`${name}.weight`);
    this.#beta = weights.parameter(`${name}.bias`);
  }

  forward(x: Tensor, pass: Pass): Forwarded {
    const ops = this.ops;
    const last = [x.shape.length - 1];
    const { output, normal, inverse } = ops.tidy(() => {
      const centred = ops.sub(x, ops.mean(x, last, true));
      const inverse = ops.rsqrt(ops.add(ops.mean(ops.square(centred), last, true), EPSILON));
      const normal = ops.mul(centred, inverse);
      const output = ops.add(ops.mul(normal, this.#gamma.read()), this.#beta.read());
      return { output, normal, inverse };
    });
    ops.dispose(x);
    if (!pass.gradient) {
      ops.dispose(normal, inverse);
      return { output, backward: noBackward };
    }
    return { output, backward: (dOutput) => this.#backward(dOutput, normal, inverse) };
  }

  /** `normal`: x with mean 0 and variance 1 [..., n]; `inverse`: 1 / deviation [..., 1]. */
  #backward(dOutput: Tensor, normal: Tensor, inverse: Tensor): Tensor {
    const ops = this.ops;
    const rank = normal.shape.length;
    const last = [rank - 1];
    const rows = Array.from({ length: rank - 1 }, (_, axis) => axis);
    const { dx, dGamma, dBeta } = ops.tidy(() => {
      const dNormal = ops.mul(dOutput, this.#gamma.read());
      const level = ops.mean(dNormal, last, true);
      const slope = ops.mean(ops.mul(dNormal, normal), last, true);
      return {
        dx: ops.mul(ops.sub(ops.sub(dNormal, level), ops.mul(normal, slope)), inverse),
        dGamma: ops.sum(ops.mul(dOutput, normal), rows),
        dBeta: ops.sum(dOutput, rows),
      };
    });
    ops.dispose(dOutput, normal, inverse);
    this.#gamma.addGradient(dGamma);
    this.#beta.addGradient(dBeta);
    return dx;
  }
}
