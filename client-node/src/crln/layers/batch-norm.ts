import type { NormMoments, Ops } from '../../engine/ops.js';
import type { Tensor, Variable } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import type { Pass } from './layer.js';
import { EPSILON, momentTensors, type Norm } from './norm.js';

/** Share of a running moment that a batch leaves in place. */
const RUNNING_DECAY = 0.9;

/**
 * Batch norm over all axes but the last. `bias` names the bias of the convolution before it: batch norm takes it out
 * again, so it is never added to the activations; it lives on in the running mean, as in a network that adds it.
 */
export class BatchNorm implements Norm {
  readonly #gamma: Parameter;
  readonly #beta: Parameter;
  readonly #mean: Variable;
  readonly #variance: Variable;
  readonly #bias: Parameter | null;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
    bias?: string,
  ) {
    this.#gamma = weights.parameter(`${name}.weight`);
    this.#beta = weights.parameter(`${name}.bias`);
    this.#mean = weights.statistic(`${name}.running_mean`);
    this.#variance = weights.statistic(`${name}.running_var`);
    this.#bias = bias === undefined ? null : weights.parameter(bias);
  }

  apply(x: Tensor, pass: Pass): { y: Tensor; moments: readonly NormMoments[] } {
    if (pass.statistics === 'batch') return this.#applyBatch(x);
    if (pass.gradient) throw new Error('batch norm: there is no gradient through running moments');
    return { y: this.#applyRunning(x), moments: [] };
  }

  backward(dy: Tensor, x: Tensor, moments: readonly NormMoments[]): Tensor {
    const { ops } = this;
    const { dx, dgamma, dbeta } = ops.batchNormGrad(dy, x, this.#gamma.read(), moments[0], EPSILON);
    ops.dispose(dy, ...momentTensors(moments));
    this.#gamma.addGradient(dgamma);
    this.#beta.addGradient(dbeta);
    this.#bias?.addZeroGradient();
    return dx;
  }

  #applyRunning(x: Tensor): Tensor {
    const { ops } = this;
    return ops.tidy(() => {
      const mean = ops.read(this.#mean);
      const centre = this.#bias === null ? mean : ops.sub(mean, this.#bias.read());
      const variance = ops.read(this.#variance);
      return ops.batchNormInference(x, this.#gamma.read(), this.#beta.read(), centre, variance, EPSILON);
    });
  }

  /** The batch's moments move the running ones. */
  #applyBatch(x: Tensor): { y: Tensor; moments: readonly NormMoments[] } {
    const { ops } = this;
    return ops.tidy(() => {
      const { y, moments } = ops.batchNorm(x, this.#gamma.read(), this.#beta.read(), EPSILON);
      const mean = this.#bias === null ? moments.mean : ops.add(moments.mean, this.#bias.read());
      ops.applyAverage(this.#mean, mean, RUNNING_DECAY);
      ops.applyAverage(this.#variance, moments.variance, RUNNING_DECAY);
      return { y, moments: [moments] };
    });
  }
}
