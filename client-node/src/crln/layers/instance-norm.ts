import type { NormMoments, Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import { EPSILON, momentTensors, type Norm } from './norm.js';

/**
 * Each channel of each sample by its own moments, without scale or shift: batch norm of batches of one. The same in training
 * and evaluation. `bias` names the bias of the convolution before it, which it takes out again.
 */
export class InstanceNorm implements Norm {
  readonly #bias: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    bias: string,
  ) {
    this.#bias = weights.parameter(bias);
  }

  apply(x: Tensor): { y: Tensor; moments: readonly NormMoments[] } {
    const { ops } = this;
    return ops.tidy(() => {
      const [ones, zeros] = this.#affine(x);
      const normed = samples(ops, x).map((one) => ops.batchNorm(one, ones, zeros, EPSILON));
      const ys = normed.map(({ y }) => y);
      return { y: joined(ops, ys), moments: normed.map(({ moments }) => moments) };
    });
  }

  backward(dy: Tensor, x: Tensor, moments: readonly NormMoments[]): Tensor {
    const { ops } = this;
    const dx = ops.tidy(() => {
      const [ones] = this.#affine(x);
      const dys = samples(ops, dy);
      const dxs = samples(ops, x).map((one, i) => ops.batchNormGrad(dys[i], one, ones, moments[i], EPSILON).dx);
      return joined(ops, dxs);
    });
    ops.dispose(dy, ...momentTensors(moments));
    this.#bias.addZeroGradient();
    return dx;
  }

  #affine(x: Tensor): [Tensor, Tensor] {
    const c = x.shape.at(-1)!;
    return [this.ops.fromHost(new Float32Array(c).fill(1), [c]), this.ops.fromHost(new Float32Array(c), [c])];
  }
}

/** x [b, ...] -> b handles [1, ...] */
function samples(ops: Ops, x: Tensor): Tensor[] {
  const rest = x.shape.slice(1);
  const zeros = rest.map(() => 0);
  return Array.from({ length: x.shape[0] }, (_, i) => ops.slice(x, [i, ...zeros], [1, ...rest]));
}

function joined(ops: Ops, parts: Tensor[]): Tensor {
  return parts.length === 1 ? parts[0] : ops.concat(parts, 0);
}
