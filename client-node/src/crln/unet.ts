import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone, BackboneForwarded } from './backbone.js';
import type { Pass } from './layers/layer.js';
import type { Weights } from './weights.js';
export class UNet implements Backbone {
  constructor(
    readonly ops: Ops,
    readonly weights: Weights,
  ) {}
  forward(_image: Tensor, _pass: Pass): BackboneForwarded {
    throw new Error('unet');
  }
}
