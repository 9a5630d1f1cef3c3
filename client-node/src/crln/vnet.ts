import { STAGES, VNET_DEPTHS } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Backbone } from './backbone.js';
import { EncoderDecoder, UPS, type SkipConnection } from './encoder-decoder.js';
import { Heads } from './heads.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ChannelDropout } from './layers/channel-dropout.js';
import { ConvUnit } from './layers/conv-unit.js';
import { ConvKernel, DoublingKernel, type Kernel } from './layers/kernel.js';
import { addInto, Sequence, share, type Layer } from './layers/layer.js';
import type { Weights } from './weights.js';

const DROPOUT = 0.5;

/**
 * V-Net (Milletari et al. 2016) as CRLN uses it: five stages of convolution units, halved and doubled by strided
 * convolutions, the encoder's output added to the decoder's input of the same resolution.
 */
export function vnet(ops: Ops, weights: Weights): Backbone {
  const unit = (name: string, kernel: Kernel, input: 'features' | 'image' = 'features') =>
    new ConvUnit(ops, kernel, new BatchNorm(ops, weights, `${name}.norm`, `${name}.conv.bias`), input);
  const stage = (name: string, depth: number, input: 'features' | 'image' = 'features') =>
    new Sequence(
      Array.from({ length: depth }, (_, j) =>
        unit(`${name}.${j}`, new ConvKernel(ops, weights, `${name}.${j}.conv`), j === 0 ? input : 'features'),
      ),
    );
  const each = (count: number, make: (i: number) => Layer) => Array.from({ length: count }, (_, i) => make(i));
  return new EncoderDecoder(ops, {
    encoder: each(STAGES, (i) => stage(`vnet.encoder.${i}`, VNET_DEPTHS[i], i === 0 ? 'image' : 'features')),
    down: each(UPS, (i) => unit(`vnet.down.${i}`, new ConvKernel(ops, weights, `vnet.down.${i}.conv`, 2))),
    up: each(UPS, (k) => unit(`vnet.up.${k}`, new DoublingKernel(ops, weights, `vnet.up.${k}.conv`))),
    decoder: each(UPS, (k) => stage(`vnet.decoder.${k}`, VNET_DEPTHS[UPS - 1 - k])),
    skip: addition(ops),
    dropBottom: new ChannelDropout(ops, DROPOUT),
    dropTop: new ChannelDropout(ops, DROPOUT),
    heads: new Heads(ops, weights, 'vnet'),
  });
}

function addition(ops: Ops): SkipConnection {
  return {
    forward: (skip, up) => ({
      output: addInto(ops, up, skip),
      backward: (d) => ({ dSkip: share(ops, d), dUp: d }),
    }),
  };
}
