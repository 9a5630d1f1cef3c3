import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ConvUnit } from './layers/conv-unit.js';
import { ConvKernel } from './layers/kernel.js';
import { addInto, noBackward, Sequence, share, type Layer, type Pass } from './layers/layer.js';
import { Linear } from './layers/linear.js';
import { Widen } from './layers/widen.js';
import type { Weights } from './weights.js';

export interface HeadsForwarded {
  readonly logits: Tensor;
  readonly representation: Tensor | null;
  /** dLoss/dFeatures from dLoss/dLogits and dLoss/dRepresentation; takes both over. */
  readonly backward: (dLogits: Tensor, dRepresentation: Tensor) => Tensor;
}

/** Segmentation (1x1x1 to C classes) and representation (3x3x3, batch norm, ReLU, 1x1x1 to R) of full-resolution features. */
export class Heads {
  readonly #segment: Layer;
  readonly #represent: Layer;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    backbone: string,
  ) {
    const name = `${backbone}.represent`;
    this.#segment = new Sequence([new Widen(ops), new Linear(ops, weights, `${backbone}.segment`)]);
    this.#represent = new Sequence([
      new ConvUnit(ops, new ConvKernel(ops, weights, `${name}.conv`), new BatchNorm(ops, weights, `${name}.norm`)),
      new Widen(ops),
      new Linear(ops, weights, `${name}.out`),
    ]);
  }

  /** features [b, h, w, d, f], taken over. */
  forward(features: Tensor, pass: Pass): HeadsForwarded {
    const ops = this.ops;
    const represented = pass.statistics === 'batch' ? this.#represent.forward(share(ops, features), pass) : null;
    const segmented = this.#segment.forward(features, pass);
    const backward = (dLogits: Tensor, dRepresentation: Tensor): Tensor => {
      if (represented === null) throw new Error('heads: this pass made no representation');
      // The wide head first: with all activations still there, this is where memory peaks.
      const dFeatures = represented.backward(dRepresentation);
      return addInto(ops, dFeatures, segmented.backward(dLogits));
    };
    return {
      logits: segmented.output,
      representation: represented?.output ?? null,
      backward: pass.gradient ? backward : noBackward,
    };
  }
}
