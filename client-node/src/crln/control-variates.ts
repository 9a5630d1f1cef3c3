import type { HostTensor, NamedTensors } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Variable } from '../engine/tensor.js';
import type { GradientTerm } from './gradient-term.js';
import type { Parameter, Weights } from './weights.js';

/**
 * SCAFFOLD (Karimireddy et al. 2020, arXiv 1910.06378): each gradient of a site is corrected by c - c_i, the mean gradient of
 * all sites less its own, so that sites with other data do not drift apart within a round. `correction` names some parameters.
 */
export class ControlVariates implements GradientTerm {
  readonly #corrections = new Map<string, Variable>();

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    correction: NamedTensors,
  ) {
    for (const [name, tensor] of correction) {
      const { shape } = weights.parameter(name);
      this.#corrections.set(name, ops.variable(floats(tensor), shape));
    }
  }

  addTo(parameters: Iterable<Parameter>): void {
    const { ops } = this;
    for (const parameter of parameters) {
      const correction = this.#corrections.get(parameter.name);
      const { gradient } = parameter;
      if (correction === undefined || gradient === null) continue;
      parameter.addGradient(ops.tidy(() => ops.cast(ops.add(ops.read(correction, 'float32'), 0), gradient.dtype)));
    }
  }

  dispose(): void {
    this.ops.release(...this.#corrections.values());
  }
}

/** A site's part of one round, as the correction of the next one needs it. */
export interface TrainedRound {
  /** c - c_i of the round; without a tensor it was zero. */
  correction: NamedTensors;
  /** The weights that the site sent. */
  trained: NamedTensors;
  /** How far a constant gradient of 1 takes the weights in the round: `pathLength`. */
  path: number;
}

/**
 * c - c_i after a round whose average is `average`, for its tensors. The paper's second option sets c_i to the mean gradient that the
 * site has met: (x - y_i) / path - (c - c_i). With all sites in the round c is their mean, (x - average) / path, because what
 * they were corrected by adds up to nothing. So the difference needs neither c nor another tensor on the wire.
 */
export function nextCorrection({ correction, trained, path }: TrainedRound, average: NamedTensors): NamedTensors {
  const next: NamedTensors = new Map();
  for (const [name, own] of trained) {
    const mean = floats(average.get(name));
    const before = correction.get(name);
    const last = before === undefined ? new Float32Array(mean.length) : floats(before);
    const data = floats(own).map((value, i) => last[i] + (value - mean[i]) / path);
    next.set(name, { dtype: 'float32', shape: own.shape, data });
  }
  return next;
}

function floats(tensor: HostTensor | undefined): Float32Array {
  if (tensor?.dtype === 'float32') return tensor.data;
  throw new Error(`control variates: expected a float32 tensor, got ${tensor?.dtype ?? 'none'}`);
}
