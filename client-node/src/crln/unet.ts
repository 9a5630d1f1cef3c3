import { STAGES, UNET_DEPTH } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone, BackboneForwarded, BackboneGradients } from './backbone.js';
import { Heads } from './heads.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ChannelDropout } from './layers/channel-dropout.js';
import { ConvUnit } from './layers/conv-unit.js';
import { InstanceNorm } from './layers/instance-norm.js';
import { ConvKernel, OverlappingDoublingKernel } from './layers/kernel.js';
import { addInto, Sequence, share, type Backward, type Layer, type Pass } from './layers/layer.js';
import { MaxPool } from './layers/max-pool.js';
import type { Weights } from './weights.js';

const DROPOUT = 0.3;
const UPS = STAGES - 1;

/**
 * 3D U-Net (Cicek et al. 2016) as CRLN uses it on BraTS: two convolutions with instance norm per stage, max-pool down,
 * transposed convolution up, the encoder's output put in front of the decoder's channels.
 */
export class UNet implements Backbone {
  readonly #encoder: Layer[];
  readonly #up: Layer[];
  readonly #decoder: Layer[];
  readonly #pool: Layer;
  readonly #dropCentre: Layer;
  readonly #dropTop: Layer;
  readonly #heads: Heads;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
  ) {
    const unit = (name: string, input: 'features' | 'image') => {
      const norm = new InstanceNorm(ops, weights, `${name}.conv.bias`);
      return new ConvUnit(ops, new ConvKernel(ops, weights, `${name}.conv`), norm, input);
    };
    const stage = (name: string, input: 'features' | 'image' = 'features') =>
      new Sequence(Array.from({ length: UNET_DEPTH }, (_, j) => unit(`${name}.${j}`, j === 0 ? input : 'features')));
    const up = (name: string) => {
      const norm = new BatchNorm(ops, weights, `${name}.norm`, `${name}.conv.bias`);
      return new ConvUnit(ops, new OverlappingDoublingKernel(ops, weights, `${name}.conv`), norm);
    };
    const each = (count: number, make: (i: number) => Layer) => Array.from({ length: count }, (_, i) => make(i));
    this.#encoder = each(STAGES, (i) => stage(`unet.encoder.${i}`, i === 0 ? 'image' : 'features'));
    this.#up = each(UPS, (k) => up(`unet.up.${k}`));
    this.#decoder = each(UPS, (k) => stage(`unet.decoder.${k}`));
    this.#pool = new MaxPool(ops);
    this.#dropCentre = new ChannelDropout(ops, DROPOUT);
    this.#dropTop = new ChannelDropout(ops, DROPOUT);
    this.#heads = new Heads(ops, weights, 'unet');
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
        x = run(this.#pool, x);
      }
    }
    x = run(this.#dropCentre, x);
    const levels: Tensor[] = [];
    const skipWidths: number[] = [];
    for (let k = 0; k < UPS; k++) {
      const skip = skips.pop()!;
      skipWidths.push(skip.shape[4]);
      x = joinInto(ops, skip, run(this.#up[k], x));
      x = run(this.#decoder[k], x);
      if (k === 1 || k === 2) levels.push(share(ops, x));
    }
    const heads = this.#heads.forward(run(this.#dropTop, x), pass);
    return {
      logits: heads.logits,
      representation: heads.representation,
      levels: [levels[0], levels[1]],
      backward: ({ logits, representation, levels: dLevels }) => {
        this.#backward(heads.backward(logits, representation), dLevels, steps, skipWidths);
      },
    };
  }

  /** Walks `steps` back; what the decoder's input owes to a skip waits for its encoder stage. */
  #backward(
    dTop: Tensor,
    dLevels: BackboneGradients['levels'],
    steps: Backward[],
    skipWidths: readonly number[],
  ): void {
    const { ops } = this;
    const back = (gradient: Tensor) => steps.pop()!(gradient);
    const skips: Tensor[] = [];
    let d = back(dTop);
    for (let k = UPS - 1; k >= 0; k--) {
      const dLevel = k === 1 || k === 2 ? dLevels[k - 1]! : null;
      if (dLevel !== null) d = addInto(ops, d, dLevel);
      const [dSkip, dUp] = splitInto(ops, back(d), skipWidths[k]);
      skips.push(dSkip);
      d = back(dUp);
    }
    d = back(d);
    for (let i = STAGES - 1; i >= 0; i--) {
      d = back(d);
      if (i > 0) d = addInto(ops, back(d), skips.pop()!);
    }
    ops.dispose(d);
  }
}

/** Channels of `skip`, then those of `x`; takes both over. */
function joinInto(ops: Ops, skip: Tensor, x: Tensor): Tensor {
  const joined = ops.concat([skip, x], 4);
  ops.dispose(skip, x);
  return joined;
}

/** The first `channels` channels and the others; takes x over. */
function splitInto(ops: Ops, x: Tensor, channels: number): [Tensor, Tensor] {
  const space = x.shape.slice(0, 4);
  const parts: [Tensor, Tensor] = [
    ops.slice(x, [0, 0, 0, 0, 0], [...space, channels]),
    ops.slice(x, [0, 0, 0, 0, channels], [...space, x.shape[4] - channels]),
  ];
  ops.dispose(x);
  return parts;
}
