import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';

/** Where a pass gets its random choices; absent where nothing is dropped. */
export interface Dropping {
  /** Factors of channel dropout [b, c]: 0 or 1 / (1 - probability). */
  channels(batch: number, channels: number, probability: number): Float32Array;
  /** Factors of drop-path, one per sample [b]: 0 or 1 / (1 - probability). */
  paths(batch: number): Float32Array;
}

/**
 * What a forward pass is for. `statistics`: moments of the batch, which also move the running ones, or the running ones.
 * `gradient`: activations are kept for `backward`; otherwise each is freed as soon as the next layer has read it.
 */
export interface Pass {
  readonly statistics: 'batch' | 'running';
  readonly gradient: boolean;
  readonly dropping?: Dropping | undefined;
  /** Sees where the prototypes look at the coarse level [b, C R, voxels], once; the tensor is lent for the call. */
  readonly onAttention?: ((attention: Tensor) => void) | undefined;
  /** Sees dLoss/dImage at the end of `backward`, which otherwise is not computed; the tensor is lent for the call. */
  readonly onImageGradient?: ((gradient: Tensor) => void) | undefined;
}

export const EVALUATION: Pass = { statistics: 'running', gradient: false };
export const TEACHING: Pass = { statistics: 'batch', gradient: false };

/** Takes dLoss/dOutput (and disposes of it), adds to the gradients of the weights, returns dLoss/dInput. Called once. */
export type Backward = (dOutput: Tensor) => Tensor;

export interface Forwarded {
  readonly output: Tensor;
  readonly backward: Backward;
}

/**
 * One differentiable step of a network. `forward` takes its input over: it disposes of it as soon as neither this
 * pass nor `backward` needs it. Whoever needs a tensor twice passes `share(ops, x)`, a second handle on the same memory.
 */
export interface Layer {
  forward(x: Tensor, pass: Pass): Forwarded;
}

/** The `backward` of passes without gradient. */
export const noBackward: Backward = () => {
  throw new Error('backward: this pass kept no activations');
};

/** A second handle on the same values; costs no copy. */
export function share(ops: Ops, x: Tensor): Tensor {
  return ops.reshape(x, x.shape);
}

/** a + b, taking both over. */
export function addInto(ops: Ops, a: Tensor, b: Tensor): Tensor {
  const sum = ops.add(a, b);
  ops.dispose(a, b);
  return sum;
}

/** Layers one after the other. */
export class Sequence implements Layer {
  constructor(private readonly layers: readonly Layer[]) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    const steps: Backward[] = [];
    for (const layer of this.layers) {
      const { output, backward } = layer.forward(x, pass);
      steps.push(backward);
      x = output;
    }
    return { output: x, backward: (d) => steps.reduceRight((gradient, step) => step(gradient), d) };
  }
}
