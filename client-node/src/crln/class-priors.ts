import { float32Tensor, float32Values, type NamedTensors } from '@consilium/shared';
import type { ClassMeans } from './losses/cps-sampling.js';

/** What one step leaves of the past: representations drift as the network learns. */
const KEPT = 0.95;

/** What one step saw of each class; arrays [C, R] and [C]. */
export interface StepMeasure {
  /** Of the representations of its voxels, and how many these are. */
  readonly sums: Float32Array;
  readonly counts: readonly number[];
  /** Sums of squared deviations from the step's mean over a sample of these voxels, and the size of the sample. */
  readonly deviations: Float64Array;
  readonly sampled: readonly number[];
}

const KINDS = ['sums', 'support', 'deviations', 'sampled', 'attended'] as const;
/** Running sums with the weight of a step falling by KEPT at each later one. */
type Sums = Record<(typeof KINDS)[number], Float64Array>;

export type PriorState = Record<(typeof KINDS)[number], number[]>;

/**
 * A site's mean representation of each class with spread and support, and its prototypes' support, over the last steps, as
 * they go to the server; and the means over all sites that came back, which stand in for a class that a batch has no
 * voxel of.
 */
export class ClassPriors {
  #own: Sums;

  private constructor(
    private readonly classes: number,
    private readonly channels: number,
    private readonly received: ClassMeans,
    /** Standard deviation of the representation about each received mean [C][R]. */
    readonly deviations: readonly Float32Array[],
  ) {
    const size = classes * channels;
    const zeros = (length: number) => new Float64Array(length);
    this.#own = {
      sums: zeros(size),
      support: zeros(classes),
      deviations: zeros(size),
      sampled: zeros(classes),
      attended: zeros(size),
    };
  }

  static from(tensors: NamedTensors, classes: number, channels: number): ClassPriors {
    const means = float32Values(tensors.get('prior.class_means')!);
    const spread = float32Values(tensors.get('prior.class_spread')!);
    const support = float32Values(tensors.get('prior.class_support')!);
    const rowOf = (values: Float32Array, c: number) => values.slice(c * channels, (c + 1) * channels);
    const received = Array.from(support, (voxels, c) => (voxels > 0 ? rowOf(means, c) : null));
    const deviations = Array.from(support, (_, c) => rowOf(spread, c).map(Math.sqrt));
    return new ClassPriors(classes, channels, received, deviations);
  }

  /** Takes one step's measure in, and gives the means to use in it. */
  observe({ sums, counts, deviations, sampled }: StepMeasure): ClassMeans {
    const own = this.#own;
    fade(own.sums, sums);
    fade(own.support, counts);
    fade(own.deviations, deviations);
    fade(own.sampled, sampled);
    const { channels } = this;
    return counts.map((count, c) =>
      count > 0 ? sums.slice(c * channels, (c + 1) * channels).map((sum) => sum / count) : (this.received[c] ?? null),
    );
  }

  /** Labelled voxels of its own class that each prototype attended to in one step [C, R]. */
  attend(voxels: ArrayLike<number>): void {
    fade(this.#own.attended, voxels);
  }

  /** The `prior.` tensors of a container; zeros for a class never seen. */
  toTensors(): NamedTensors {
    const { classes, channels } = this;
    const { sums, support, deviations, sampled, attended } = this.#own;
    const perVoxel = (values: Float64Array, voxels: Float64Array) =>
      float32Tensor(
        [classes, channels],
        Float32Array.from(values, (value, i) => value / Math.max(voxels[Math.floor(i / channels)], 1)),
      );
    return new Map([
      ['prior.class_means', perVoxel(sums, support)],
      ['prior.class_spread', perVoxel(deviations, sampled)],
      ['prior.class_support', float32Tensor([classes], Float32Array.from(support))],
      ['prior.prototype_support', float32Tensor([classes, channels], Float32Array.from(attended))],
    ]);
  }

  get state(): PriorState {
    return Object.fromEntries(KINDS.map((kind) => [kind, Array.from(this.#own[kind])])) as PriorState;
  }

  restore(state: PriorState): void {
    this.#own = Object.fromEntries(KINDS.map((kind) => [kind, Float64Array.from(state[kind])])) as Sums;
  }
}

function fade(sums: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i] = KEPT * sums[i] + values[i];
}
