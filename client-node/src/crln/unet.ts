import { STAGES, UNET_DEPTH } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { EncoderDecoder, UPS, type SkipConnection } from './encoder-decoder.js';
import { Heads } from './heads.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ChannelDropout } from './layers/channel-dropout.js';
import { ConvUnit } from './layers/conv-unit.js';
import { InstanceNorm } from './layers/instance-norm.js';
import { ConvKernel, OverlappingDoublingKernel } from './layers/kernel.js';
import { Sequence, type Layer } from './layers/layer.js';
import { MaxPool } from './layers/max-pool.js';
import type { Weights } from './weights.js';

const DROPOUT = 0.3;

/**
 * 3D U-Net (Cicek et al. 2016) as CRLN uses it on BraTS: two convolutions with instance norm per stage, max-pool down,
 * transposed convolution up, the encoder's output put in front of the decoder's channels.
 */
export function unet(ops: Ops, weights: Weights): Backbone {
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
  return new EncoderDecoder(ops, {
    encoder: each(STAGES, (i) => stage(`unet.encoder.${i}`, i === 0 ? 'image' : 'features')),
    down: each(UPS, () => new MaxPool(ops)),
    up: each(UPS, (k) => up(`unet.up.${k}`)),
    decoder: each(UPS, (k) => stage(`unet.decoder.${k}`)),
    skip: concatenation(ops),
    dropBottom: new ChannelDropout(ops, DROPOUT),
    dropTop: new ChannelDropout(ops, DROPOUT),
    heads: new Heads(ops, weights, 'unet'),
  });
}

/** Channels of the skip, then those of the decoder. */
function concatenation(ops: Ops): SkipConnection {
  return {
    forward: (skip, up) => {
      const output = ops.concat([skip, up], 4);
      ops.dispose(skip, up);
      const [skipChannels, upChannels] = [skip.shape[4], up.shape[4]];
      const backward = (d: Tensor) => {
        const space = d.shape.slice(0, 4);
        const dSkip = ops.slice(d, [0, 0, 0, 0, 0], [...space, skipChannels]);
        const dUp = ops.slice(d, [0, 0, 0, 0, skipChannels], [...space, upChannels]);
        ops.dispose(d);
        return { dSkip, dUp };
      };
      return { output, backward };
    },
  };
}
