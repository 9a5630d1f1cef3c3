import { modelTensors, type ModelSettings, type NamedTensors, type Random } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import type { Backbone } from './backbone.js';
import { share } from './layers/layer.js';
import { labelPlanes } from './losses/class-planes.js';
import { segmentationLoss } from './losses/segmentation-loss.js';
import { backboneOf } from './network.js';
import type { LabelledPatches } from './patches.js';
import { Weights } from './weights.js';

/** By which weights are moved to measure how the image's gradient changes with them: share of their norm. */
const NUDGE = 1e-3;
const ADAM = { first: 0.9, second: 0.999, epsilon: 1e-12 };
/** Of an image whose values go from 0 to 1. */
const RATE = 0.05;
const FINE_RATE = 0.015;
/** Share of the iterations before the finer rate. */
const COARSE = 0.6;

type Gradients = ReadonlyMap<string, Tensor>;

/**
 * What an attacker makes of a gradient of a segmentation loss: an image is moved until the gradient that it causes points the
 * same way, after "Deep Leakage from Gradients" (Zhu et al. 2019), by the cosine as in "Inverting Gradients" (Geiping et al.
 * 2020). The derivative of a gradient by the image, for which frameworks build a second graph, is taken here as the difference
 * of two image gradients with the weights nudged to either side.
 */
export class GradientInversion {
  readonly #weights: Weights;
  readonly #backbone: Backbone;
  /** The attacked model's tensors, from which the nudges start. */
  readonly #base: Gradients;
  readonly #baseNorm: number;

  constructor(
    private readonly ops: Ops,
    private readonly model: ModelSettings,
    tensors: NamedTensors,
  ) {
    const prefix = model.backbone === 'vnet' ? 'vnet.' : 'unet.';
    const specs = modelTensors(model).filter(({ name }) => name.startsWith(prefix));
    this.#weights = Weights.load(ops, specs, tensors);
    this.#backbone = backboneOf(ops, model, this.#weights);
    const parameters = [...this.#weights.parameters()];
    this.#base = new Map(parameters.map(({ name, variable }) => [name, ops.mul(ops.read(variable), 1)]));
    this.#baseNorm = Math.sqrt(this.#dot(this.#base, this.#base));
  }

  /** Gradient of one step on `patches`, by name: the most that an update of one step could tell. */
  gradientOf(patches: LabelledPatches): NamedTensors {
    const loss = this.#lossOf(patches);
    const gradients = this.#gradients(patches.image, loss);
    const host: NamedTensors = new Map();
    for (const [name, tensor] of gradients) {
      host.set(name, { dtype: 'float32', shape: [...tensor.shape], data: this.ops.toHost(tensor) as Float32Array });
    }
    this.#free(gradients);
    this.ops.dispose(loss.labels);
    return host;
  }

  /**
   * Searches an image [1, h, w, d, c] of values 0 to 1 that explains the direction of `target`, given the labels that it was made
   * with; one iteration between two yields.
   */
  *search(
    target: NamedTensors,
    known: Pick<LabelledPatches, 'label' | 'shape'>,
    iterations: number,
    random: Random,
  ): Generator<{ iteration: number; cosine: number }, { image: Float32Array; cosine: number }> {
    const image = Float32Array.from({ length: sizeOf(known.shape) * this.model.channels }, () => random.uniform());
    const adam = new Adam(image.length);
    const aim = this.#onEngine(target);
    const loss = this.#lossOf(known);
    let cosine = 0;
    try {
      for (let iteration = 0; iteration < iterations; iteration++) {
        const mismatch = this.#mismatch(image, loss, aim);
        cosine = mismatch.cosine;
        yield { iteration, cosine };
        adam.step(image, mismatch.gradient, iteration < COARSE * iterations ? RATE : FINE_RATE);
      }
    } finally {
      this.#free(aim);
      this.ops.dispose(loss.labels);
    }
    return { image, cosine };
  }

  /** Cosine between `target` and the gradient that `patches` cause, and the derivative of 1 - cosine by the image. */
  mismatch(patches: LabelledPatches, target: NamedTensors): { cosine: number; gradient: Float32Array } {
    const aim = this.#onEngine(target);
    const loss = this.#lossOf(patches);
    try {
      return this.#mismatch(patches.image, loss, aim);
    } finally {
      this.#free(aim);
      this.ops.dispose(loss.labels);
    }
  }

  #mismatch(image: Float32Array, loss: Loss, aim: Gradients): { cosine: number; gradient: Float32Array } {
    const own = this.#gradients(image, loss);
    const [norm, aimNorm] = [own, aim].map((gradients) => Math.sqrt(this.#dot(gradients, gradients)) || 1);
    const cosine = this.#dot(own, aim) / (norm * aimNorm);
    // d(1 - cosine)/dOwn, whose norm is sqrt(1 - cosine^2) / |own|.
    const directions = this.#combined(own, cosine / (norm * norm), aim, -1 / (norm * aimNorm));
    this.#free(own);
    const length = Math.sqrt(Math.max(1 - cosine * cosine, 1e-12)) / norm;
    const step = (NUDGE * this.#baseNorm) / length;
    const above = this.#imageGradient(image, loss, directions, step);
    const below = this.#imageGradient(image, loss, directions, -step);
    this.#free(directions);
    this.#nudge(null, 0);
    return { cosine, gradient: above.map((value, i) => (value - below[i]) / (2 * step)) };
  }

  #imageGradient(image: Float32Array, loss: Loss, directions: Gradients, step: number): Float32Array {
    this.#nudge(directions, step);
    let seen = new Float32Array();
    this.#pass(image, loss, (gradient) => {
      seen = Float32Array.from(this.ops.toHost(gradient));
    });
    for (const parameter of this.#weights.parameters()) parameter.clearGradient();
    return seen;
  }

  #gradients(image: Float32Array, loss: Loss): Gradients {
    this.#pass(image, loss);
    const gradients = new Map<string, Tensor>();
    for (const parameter of this.#weights.parameters()) {
      if (parameter.gradient !== null) gradients.set(parameter.name, share(this.ops, parameter.gradient));
      parameter.clearGradient();
    }
    return gradients;
  }

  /** Forward and backward of cross entropy and Dice on the logits. */
  #pass(image: Float32Array, { labels, shape }: Loss, onImageGradient?: (gradient: Tensor) => void): void {
    const { ops } = this;
    const pass = { statistics: 'batch', gradient: true, onImageGradient } as const;
    const forwarded = this.#backbone.forward(ops.fromHost(image, shape), pass);
    const { logits, representation, levels } = forwarded;
    const { crossEntropy, dice, dLogits, logOwn } = segmentationLoss(ops, logits, labels, 0.5);
    const nothing = ops.mul(representation!, 0);
    ops.dispose(logits, representation!, ...levels, crossEntropy, dice, logOwn);
    forwarded.backward({ logits: dLogits, representation: nothing, levels: [null, null] });
  }

  #lossOf({ label, shape }: Pick<LabelledPatches, 'label' | 'shape'>): Loss {
    const { classes, channels } = this.model;
    return { labels: labelPlanes(this.ops, label, classes), shape: [...shape, channels] };
  }

  /** Weights at the base plus `step` along `directions`. */
  #nudge(directions: Gradients | null, step: number): void {
    const { ops } = this;
    for (const { name, variable } of this.#weights.parameters()) {
      const direction = directions?.get(name);
      const base = this.#base.get(name)!;
      if (direction === undefined) {
        ops.assign(variable, base);
        continue;
      }
      const moved = ops.tidy(() => ops.add(base, ops.mul(direction, step)));
      ops.assign(variable, moved);
      ops.dispose(moved);
    }
  }

  #onEngine(tensors: NamedTensors): Gradients {
    const chosen = new Map<string, Tensor>();
    for (const { name, shape } of this.#weights.parameters()) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) chosen.set(name, this.ops.fromHost(tensor.data as Float32Array, shape));
    }
    return chosen;
  }

  /** a x + b y, over the names of both. */
  #combined(x: Gradients, a: number, y: Gradients, b: number): Gradients {
    const { ops } = this;
    return new Map(
      shared(x, y).map(([name, one, other]) => [name, ops.tidy(() => ops.add(ops.mul(one, a), ops.mul(other, b)))]),
    );
  }

  #dot(x: Gradients, y: Gradients): number {
    const { ops } = this;
    const products = ops.tidy(() => {
      const flat = (tensor: Tensor) => ops.reshape(tensor, [sizeOf(tensor.shape)]);
      const parts = shared(x, y).map(([, one, other]) => ops.sum(ops.mul(flat(one), flat(other)), [0], true));
      return ops.concat(parts, 0);
    });
    const values = ops.toHost(products) as Float32Array;
    ops.dispose(products);
    return values.reduce((sum, value) => sum + value, 0);
  }

  #free(gradients: Gradients): void {
    this.ops.dispose(...gradients.values());
  }

  dispose(): void {
    this.#free(this.#base);
    this.#weights.dispose();
  }
}

/** What of the loss does not change with the image. */
interface Loss {
  /** [C, voxels] */
  readonly labels: Tensor;
  /** Of the image [1, h, w, d, c]. */
  readonly shape: readonly number[];
}

function shared(x: Gradients, y: Gradients): [name: string, x: Tensor, y: Tensor][] {
  return [...x].flatMap(([name, one]) => {
    const other = y.get(name);
    return other === undefined ? [] : [[name, one, other]];
  });
}

/** Adam (Kingma and Ba 2015); values are kept within 0 to 1. */
class Adam {
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  #steps = 0;

  constructor(size: number) {
    this.#first = new Float32Array(size);
    this.#second = new Float32Array(size);
  }

  step(values: Float32Array, gradient: Float32Array, rate: number): void {
    this.#steps++;
    const { first, second, epsilon } = ADAM;
    const [firstScale, secondScale] = [1 - first ** this.#steps, 1 - second ** this.#steps];
    for (let i = 0; i < values.length; i++) {
      this.#first[i] = first * this.#first[i] + (1 - first) * gradient[i];
      this.#second[i] = second * this.#second[i] + (1 - second) * gradient[i] ** 2;
      const move = this.#first[i] / firstScale / (Math.sqrt(this.#second[i] / secondScale) + epsilon);
      values[i] = Math.min(1, Math.max(0, values[i] - rate * move));
    }
  }
}
