import { STAGES } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone, BackboneForwarded, BackboneGradients } from './backbone.js';
import type { Heads } from './heads.js';
import { addInto, share, type Backward, type Layer, type Pass } from './layers/layer.js';

/** How often the encoder halves and the decoder doubles. */
export const UPS = STAGES - 1;

/** How an encoder's output enters the decoder at the same resolution. */
export interface SkipConnection {
  /** Takes both over; `backward` gives dLoss/dSkip and dLoss/dUp. */
  forward(skip: Tensor, up: Tensor): { output: Tensor; backward: (d: Tensor) => { dSkip: Tensor; dUp: Tensor } };
}

/** What makes one backbone another; lists go from the image inwards (encoder, down) and outwards again (up, decoder). */
export interface EncoderDecoderParts {
  readonly encoder: readonly Layer[];
  readonly down: readonly Layer[];
  readonly up: readonly Layer[];
  readonly decoder: readonly Layer[];
  readonly skip: SkipConnection;
  /** After the bottom stage. */
  readonly dropBottom: Layer;
  /** Before the heads. */
  readonly dropTop: Layer;
  readonly heads: Heads;
}

/** Five stages down, four up, each with the encoder's features of its resolution: the walk that V-Net and U-Net share. */
export class EncoderDecoder implements Backbone {
  constructor(
    private readonly ops: Ops,
    private readonly parts: EncoderDecoderParts,
  ) {}

  forward(image: Tensor, pass: Pass): BackboneForwarded {
    const { ops } = this;
    const { encoder, down, up, decoder, skip, dropBottom, dropTop, heads } = this.parts;
    const steps: Backward[] = [];
    const splits: ReturnType<SkipConnection['forward']>['backward'][] = [];
    const run = (layer: Layer, x: Tensor) => {
      const { output, backward } = layer.forward(x, pass);
      steps.push(backward);
      return output;
    };
    const skips: Tensor[] = [];
    let x = image;
    for (let i = 0; i < STAGES; i++) {
      x = run(encoder[i], x);
      if (i < UPS) {
        skips.push(share(ops, x));
        x = run(down[i], x);
      }
    }
    x = run(dropBottom, x);
    const levels: Tensor[] = [];
    for (let k = 0; k < UPS; k++) {
      const joined = skip.forward(skips.pop()!, run(up[k], x));
      splits.push(joined.backward);
      x = run(decoder[k], joined.output);
      if (isInteractionLevel(k)) levels.push(share(ops, x));
    }
    const top = heads.forward(run(dropTop, x), pass);
    return {
      logits: top.logits,
      representation: top.representation,
      levels: [levels[0], levels[1]],
      backward: ({ logits, representation, levels: dLevels }) => {
        const dImage = this.#backward(top.backward(logits, representation), dLevels, steps, splits);
        pass.onImageGradient?.(dImage);
        ops.dispose(dImage);
      },
    };
  }

  /** Walks `steps` back; what the decoder's input owes to a skip waits for its encoder stage. */
  #backward(
    dTop: Tensor,
    dLevels: BackboneGradients['levels'],
    steps: Backward[],
    splits: ReturnType<SkipConnection['forward']>['backward'][],
  ): Tensor {
    const { ops } = this;
    const back = (gradient: Tensor) => steps.pop()!(gradient);
    const skips: Tensor[] = [];
    let d = back(dTop);
    for (let k = UPS - 1; k >= 0; k--) {
      const dLevel = isInteractionLevel(k) ? dLevels[k - 1] : null;
      if (dLevel) d = addInto(ops, d, dLevel);
      const { dSkip, dUp } = splits[k](back(d));
      skips.push(dSkip);
      d = back(dUp);
    }
    d = back(d);
    for (let i = STAGES - 1; i >= 0; i--) {
      d = back(d);
      if (i > 0) d = addInto(ops, back(d), skips.pop()!);
    }
    return d;
  }
}

/** The decoder's outputs at 1/4 and 1/2 resolution, which the Dynamic Interaction Module reads. */
function isInteractionLevel(k: number): boolean {
  return k === 1 || k === 2;
}
