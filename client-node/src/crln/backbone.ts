import type { Tensor } from '../engine/tensor.js';
import type { Pass } from './layers/layer.js';

/** What a segmentation network gives to CRLN; every tensor is the caller's. */
export interface BackboneForwarded {
  /** [b, h, w, d, C] */
  readonly logits: Tensor;
  /** [b, h, w, d, R]; null in passes with running statistics, where nothing reads it. */
  readonly representation: Tensor | null;
  /** Decoder features at 1/4 and 1/2 resolution: [b, h/4, w/4, d/4, 4f] and [b, h/2, w/2, d/2, 2f]. */
  readonly levels: readonly [Tensor, Tensor];
  /** Adds to the gradients of the weights. Called once, after a pass with gradient. */
  backward(gradients: BackboneGradients): void;
}

/** Derivatives of the loss, taken over; zeros, or null for a level, where the loss does not depend on that output. */
export interface BackboneGradients {
  readonly logits: Tensor;
  readonly representation: Tensor;
  readonly levels: readonly [Tensor | null, Tensor | null];
}

export interface Backbone {
  /** image [b, h, w, d, channels], taken over. */
  forward(image: Tensor, pass: Pass): BackboneForwarded;
}
