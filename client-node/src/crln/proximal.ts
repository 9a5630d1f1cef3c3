import type { Ops } from '../engine/ops.js';
import type { Variable } from '../engine/tensor.js';
import type { GradientTerm } from './gradient-term.js';
import type { Parameter, Weights } from './weights.js';

/**
 * FedProx (Li et al. 2020, arXiv 1812.06127): a site's loss plus strength/2 |w - base|^2, so that each step also pulls the
 * weights towards the model that the round began with. Acts on parameters that the loss has reached.
 */
export class ProximalPull implements GradientTerm {
  readonly #anchors = new Map<string, Variable>();

  /** Keeps the weights as they are now for the base. */
  constructor(
    private readonly ops: Ops,
    weights: Weights,
    private readonly strength: number,
  ) {
    for (const { name, shape, variable } of weights.parameters()) {
      this.#anchors.set(name, ops.variable(ops.toHost(ops.read(variable, 'float32')) as Float32Array, shape));
    }
  }

  /** Adds strength (w - base) to the gradients. */
  addTo(parameters: Iterable<Parameter>): void {
    const { ops } = this;
    for (const parameter of parameters) {
      const { gradient } = parameter;
      if (gradient === null) continue;
      const pull = ops.tidy(() => {
        const anchor = ops.read(this.#anchors.get(parameter.name)!, 'float32');
        const away = ops.sub(ops.read(parameter.variable, 'float32'), anchor);
        return ops.cast(ops.mul(away, this.strength), gradient.dtype);
      });
      parameter.addGradient(pull);
    }
  }

  dispose(): void {
    this.ops.release(...this.#anchors.values());
  }
}
