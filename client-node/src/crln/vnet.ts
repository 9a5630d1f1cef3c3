import { STAGES, VNET_DEPTHS } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone, BackboneForwarded, BackboneGradients } from './backbone.js';
import { Heads } from './heads.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ChannelDropout } from './layers/channel-dropout.js';
import { ConvUnit } from './layers/conv-unit.js';
import { ConvKernel, DoublingKernel, type Kernel } from './layers/kernel.js';
import { addInto, Sequence, share, type Backward, type Layer, type Pass } from './layers/layer.js';
import type { Weights } from './weights.js';

const DROPOUT = 0.5;
const UPS = STAGES - 1;

/**
 * V-Net (Milletari et al. 2016) as CRLN uses it: five stages of convolution units, halved and doubled by strided
 * convolutions, the encoder's output added to the decoder's input of the same resolution.
 */
export class VNet implements Backbone {
  readonly #encoder: Layer[];
  readonly #down: Layer[];
  readonly #up: Layer[];
  readonly #decoder: Layer[];
  readonly #dropBottom: Layer;
  readonly #dropTop: Layer;
  readonly #heads: Heads;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
  ) {
    const unit = (name: string, kernel: Kernel, input: 'features' | 'image' = 'features') =>
      new ConvUnit(ops, kernel, new BatchNorm(ops, weights, `${name}.norm`, `${name}.conv.bias`), input);
    const stage = (name: string, depth: number, input: 'features' | 'image' = 'features') =>
      new Sequence(
        Array.from({ length: depth }, (_, j) =>
          unit(`${name}.${j}`, new ConvKernel(ops, weights, `${name}.${j}.conv`), j === 0 ? input : 'features'),
        ),
      );
    const each = (count: number, make: (i: number) => Layer) => Array.from({ length: count }, (_, i) => make(i));
    this.#encoder = each(STAGES, (i) => stage(`vnet.encoder.${i}`, VNET_DEPTHS[i], i === 0 ? 'image' : 'features'));
    this.#down = each(UPS, (i) => unit(`vnet.down.${i}`, new ConvKernel(ops, weights, `vnet.down.${i}.conv`, 2)));
    this.#up = each(UPS, (k) => unit(`vnet.up.${k}`, new DoublingKernel(ops, weights, `vnet.up.${k}.conv`)));
    this.#decoder = each(UPS, (k) => stage(`vnet.decoder.${k}`, VNET_DEPTHS[UPS - 1 - k]));
    this.#dropBottom = new ChannelDropout(ops, DROPOUT);
    this.#dropTop = new ChannelDropout(ops, DROPOUT);
    this.#heads = new Heads(ops, weights, 'vnet');
  }

  forward(image: Tensor, pass: Pass): BackboneForwarded {
    const { ops } = this;
    const steps: Backward[] = [];
    const run = (layer: Layer, x: Tensor) => {
      const { output, backward } = layer.forward(x, pass);
      steps.push(backward);
      return output;
    };
    const skips: Tensor[] = [];
    let x = image;
    for (let i = 0; i < STAGES; i++) {
      x = run(this.#encoder[i], x);
      if (i < UPS) {
        skips.push(share(ops, x));
        x = run(this.#down[i], x);
      }
    }
    x = run(this.#dropBottom, x);
    const levels: Tensor[] = [];
    for (let k = 0; k < UPS; k++) {
      x = addInto(ops, run(this.#up[k], x), skips.pop()!);
      x = run(this.#decoder[k], x);
      if (k === 1 || k === 2) levels.push(share(ops, x));
    }
    const heads = this.#heads.forward(run(this.#dropTop, x), pass);
    return {
      logits: heads.logits,
      representation: heads.representation,
      levels: [levels[0], levels[1]],
      backward: (gradients) => {
        this.#backward(heads.backward(gradients.logits, gradients.representation), gradients.levels, steps);
      },
    };
  }

  /** Walks `steps` back; a skip's gradient is that of the sum it entered, so it waits for its encoder stage. */
  #backward(dTop: Tensor, dLevels: BackboneGradients['levels'], steps: Backward[]): void {
    const { ops } = this;
    const back = (gradient: Tensor) => steps.pop()!(gradient);
    const skips: Tensor[] = [];
    let d = back(dTop);
    for (let k = UPS - 1; k >= 0; k--) {
      const dLevel = k === 1 || k === 2 ? dLevels[k - 1]! : null;
      if (dLevel !== null) d = addInto(ops, d, dLevel);
      d = back(d);
      skips.push(share(ops, d));
      d = back(d);
    }
    d = back(d);
    for (let i = STAGES - 1; i >= 0; i--) {
      d = back(d);
      if (i > 0) d = addInto(ops, back(d), skips.pop()!);
    }
    ops.dispose(d);
  }
}
