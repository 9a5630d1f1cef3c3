import { modelTensors, type ModelSettings, type NamedTensors } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { Precision } from '../engine/precision.js';
import type { Tensor } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { Interaction } from './interaction.js';
import type { Pass } from './layers/layer.js';
import { unet } from './unet.js';
import { vnet } from './vnet.js';
import { Weights, type Parameter } from './weights.js';

export interface NetworkForwarded {
  /** [b, h, w, d, C] */
  readonly logits: Tensor;
  /** [b, h, w, d, R]; null in passes with running statistics. */
  readonly representation: Tensor | null;
  /** M(x) [b, h, w, d, C] */
  readonly relationship: Tensor;
  /** Adds to the gradients of the weights; takes the gradients over. Called once, after a pass with gradient. */
  backward(gradients: NetworkGradients): void;
}

/** Derivatives of the loss; that by M is null after a pass with `relationshipGradient: false`, and only then. */
export interface NetworkGradients {
  readonly logits: Tensor;
  readonly representation: Tensor;
  readonly relationship: Tensor | null;
}

export function backboneOf(ops: Ops, { backbone }: ModelSettings, weights: Weights): Backbone {
  return backbone === 'vnet' ? vnet(ops, weights) : unet(ops, weights);
}

/** A whole CRLN network (Wang et al. 2025): a backbone with two heads, and prototypes that interact with its features. */
export class Network {
  readonly #backbone: Backbone;
  readonly #interaction: Interaction;
  readonly #mu: Parameter;

  constructor(
    readonly ops: Ops,
    readonly settings: ModelSettings,
    readonly weights: Weights,
    private readonly precision: Precision = 'float32',
  ) {
    this.#backbone = backboneOf(ops, settings, weights);
    this.#interaction = new Interaction(ops, weights, settings);
    this.#mu = weights.parameter('mu');
  }

  /** A network with weights of its own from a whole model container. */
  static load(ops: Ops, settings: ModelSettings, tensors: NamedTensors, precision?: Precision): Network {
    return new Network(ops, settings, Weights.load(ops, modelTensors(settings), tensors), precision);
  }

  dispose(): void {
    this.weights.dispose();
  }

  /**
   * image [b, h, w, d, channels], taken over. `relationshipGradient`: false where no loss will be put on M, so that its
   * activations need not be kept.
   */
  forward(image: Tensor, pass: Pass, { relationshipGradient = pass.gradient } = {}): NetworkForwarded {
    const backbone = this.#backbone.forward(this.#entering(image), pass);
    const interactionPass = relationshipGradient ? pass : { ...pass, gradient: false };
    const interaction = this.#interaction.forward(backbone.levels, interactionPass);
    return {
      logits: backbone.logits,
      representation: backbone.representation,
      relationship: interaction.relationship,
      backward: ({ logits, representation, relationship }) => {
        if ((relationship !== null) !== relationshipGradient) {
          throw new Error('network: M and its gradient go together');
        }
        const levels = relationship === null ? ([null, null] as const) : interaction.backward(relationship);
        backbone.backward({ logits, representation, levels });
      },
    };
  }

  /** In the type that the backbone's activations shall have: each layer keeps that of its input. */
  #entering(image: Tensor): Tensor {
    if (this.precision === 'float32') return image;
    const narrow = this.ops.cast(image, 'bfloat16');
    this.ops.dispose(image);
    return narrow;
  }

  /** logits + (1 - mu) M, both left to the caller. */
  rectify(logits: Tensor, relationship: Tensor): Tensor {
    const { ops } = this;
    return ops.tidy(() => {
      const share = ops.add(ops.mul(this.#mu.read(), -1), 1);
      return ops.add(logits, ops.mul(relationship, share));
    });
  }
}
