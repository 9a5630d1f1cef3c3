import type { NormMoments, Ops } from '../../engine/ops.js';
import type { Tensor, Variable } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';
import type { Pass } from './layer.js';

export const EPSILON = 1e-5;
/** Share of a running moment that a batch leaves in place. */
const RUNNING_DECAY = 0.9;

/**
 * Batch norm over all axes but the last. `bias` names the bias of the convolution before it: batch norm takes it out
 * again, so it is never added to the activations; it lives on in the running mean, as in a network that adds it.
 */
export class BatchNorm {
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
    this.#bias = bias !== undefined && weights.has(bias) ? weights.parameter(bias) : null;
  }

  /** With the running moments. Leaves x to the caller. */
  applyRunning(x: Tensor): Tensor {
    const ops = this.ops;
    return ops.tidy(() => {
      const mean = ops.read(this.#mean);
      const centre = this.#bias === null ? mean : ops.sub(mean, this.#bias.read());
      const variance = ops.read(this.#variance);
      return ops.batchNormInference(x, this.#gamma.read(), this.#beta.read(), centre, variance, EPSILON);
    });
  }

  /** With the batch's moments, which move the running ones. Leaves x to the caller, who also gets the moments. */
  applyBatch(x: Tensor): { y: Tensor; moments: NormMoments } {
    const ops = this.ops;
    return ops.tidy(() => {
      const result = ops.batchNorm(x, this.#gamma.read(), this.#beta.read(), EPSILON);
      const { mean, variance } = result.moments;
      const withBias = this.#bias === null ? mean : ops.add(mean, this.#bias.read());
      ops.applyAverage(this.#mean, withBias, RUNNING_DECAY);
      ops.applyAverage(this.#variance, variance, RUNNING_DECAY);
      return result;
    });
  }

  /** dLoss/dx; disposes of dy and the moments, not of x. */
  backward(dy: Tensor, x: Tensor, moments: NormMoments): Tensor {
    const ops = this.ops;
    const gamma = this.#gamma.read();
    const { dx, dgamma, dbeta } = ops.batchNormGrad(dy, x, gamma, moments, EPSILON);
    ops.dispose(gamma, dy);
    this.disposeMoments(moments);
    this.#gamma.addGradient(dgamma);
    this.#beta.addGradient(dbeta);
    // Zero, but not absent: weight decay and momentum act on a bias that cancels as on any other.
    this.#bias?.addGradient(ops.fromHost(new Float32Array(this.#bias.shape[0]!), this.#bias.shape));
    return dx;
  }

  disposeMoments({ mean, variance, reserved }: NormMoments): void {
    this.ops.dispose(mean, variance, ...reserved);
  }

  apply(x: Tensor, pass: Pass): { y: Tensor; moments: NormMoments | null } {
    if (pass.statistics === 'running') {
      if (pass.gradient) throw new Error('batch norm: no gradient through running statistics');
      return { y: this.applyRunning(x), moments: null };
    }
    return this.applyBatch(x);
  }
}
