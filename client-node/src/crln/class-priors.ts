import { float32Tensor, float32Values, type NamedTensors } from '@consilium/shared';
import type { ClassMeans } from './losses/cps-sampling.js';

/** What one step leaves of the past: representations drift as the network learns. */
const KEPT = 0.95;

/**
 * A site's mean representation of each class with its support, over the last steps, as it goes to the server; and the
 * means over all sites that came back, which stand in for a class that a batch has no voxel of.
 */
export class ClassPriors {
  #sums: Float64Array;
  #support: Float64Array;

  private constructor(
    private readonly classes: number,
    private readonly channels: number,
    private readonly received: ClassMeans,
  ) {
    this.#sums = new Float64Array(classes * channels);
    this.#support = new Float64Array(classes);
  }

  static from(tensors: NamedTensors, classes: number, channels: number): ClassPriors {
    const means = float32Values(tensors.get('prior.class_means')!);
    const support = float32Values(tensors.get('prior.class_support')!);
    const received = Array.from(support, (voxels, c) =>
      voxels > 0 ? means.slice(c * channels, (c + 1) * channels) : null,
    );
    return new ClassPriors(classes, channels, received);
  }

  /** Takes one step's sums [C, R] and counts [C] in, and gives the means to use in it. */
  observe(sums: Float32Array, counts: readonly number[]): ClassMeans {
    for (let i = 0; i < sums.length; i++) this.#sums[i] = KEPT * this.#sums[i] + sums[i];
    counts.forEach((count, c) => (this.#support[c] = KEPT * this.#support[c] + count));
    const { channels } = this;
    return counts.map((count, c) =>
      count > 0 ? sums.slice(c * channels, (c + 1) * channels).map((sum) => sum / count) : (this.received[c] ?? null),
    );
  }

  /** prior.class_means [C, R] and prior.class_support [C]; zeros for a class never seen. */
  toTensors(): NamedTensors {
    const means = Float32Array.from(
      this.#sums,
      (sum, i) => sum / Math.max(this.#support[Math.floor(i / this.channels)], 1),
    );
    return new Map([
      ['prior.class_means', float32Tensor([this.classes, this.channels], means)],
      ['prior.class_support', float32Tensor([this.classes], Float32Array.from(this.#support))],
    ]);
  }

  get state(): { priorSums: number[]; priorSupport: number[] } {
    return { priorSums: Array.from(this.#sums), priorSupport: Array.from(this.#support) };
  }

  restore({ priorSums, priorSupport }: { priorSums: readonly number[]; priorSupport: readonly number[] }): void {
    this.#sums = Float64Array.from(priorSums);
    this.#support = Float64Array.from(priorSupport);
  }
}
