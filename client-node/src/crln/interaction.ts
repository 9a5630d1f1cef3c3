import { interactionLevels, type ModelSettings } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import { InteractionLevel } from './interaction-level.js';
import { noBackward, type Layer, type Pass } from './layers/layer.js';
import { UpsampleUnit } from './layers/upsample-unit.js';
import type { Parameter, Weights } from './weights.js';

export interface InteractionForwarded {
  /** The holistic relationship map M(x) [b, h, w, d, C]. */
  readonly relationship: Tensor;
  /** Gradients of the features at 1/4 and 1/2 resolution; takes dLoss/dM over. */
  readonly backward: (dRelationship: Tensor) => readonly [Tensor, Tensor];
}

/** The Dynamic Interaction Module: learned prototypes look for their like in the decoder's features, coarse then fine. */
export class Interaction {
  readonly #prototypes: Parameter;
  readonly #levels: readonly [InteractionLevel, InteractionLevel];
  readonly #upsample: Layer;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    settings: ModelSettings,
  ) {
    const [coarse, fine] = interactionLevels(settings);
    this.#prototypes = weights.parameter('prototypes');
    this.#levels = [
      new InteractionLevel(ops, weights, 'dim.0', 'first', settings.classes, coarse.space),
      new InteractionLevel(ops, weights, 'dim.1', 'last', settings.classes, fine.space),
    ];
    this.#upsample = new UpsampleUnit(ops, weights, 'upsample');
  }

  /** Features at 1/4 and 1/2 resolution, both taken over. */
  forward(features: readonly [Tensor, Tensor], pass: Pass): InteractionForwarded {
    const { ops } = this;
    const [coarse, fine] = this.#levels;
    const first = coarse.forward(this.#queries(features[0].shape[0]), features[0], pass);
    const last = fine.forward(first.prototypes!, features[1], pass);
    const { output, backward } = this.#upsample.forward(last.cue!, pass);
    if (!pass.gradient) return { relationship: output, backward: noBackward as never };
    return {
      relationship: output,
      backward: (dRelationship) => {
        const half = last.backward(backward(dRelationship));
        const quarter = first.backward(half.dPrototypes);
        this.#prototypes.addGradient(ops.sum(quarter.dPrototypes, [0]));
        ops.dispose(quarter.dPrototypes);
        return [quarter.dFeatures, half.dFeatures];
      },
    };
  }

  /** The prototypes of all classes, once for each sample [b, C R, f]. */
  #queries(batch: number): Tensor {
    const { ops } = this;
    const [classes, r, f] = this.#prototypes.shape as [number, number, number];
    return ops.tidy(() =>
      ops.broadcastTo(ops.reshape(this.#prototypes.read(), [1, classes * r, f]), [batch, classes * r, f]),
    );
  }
}
