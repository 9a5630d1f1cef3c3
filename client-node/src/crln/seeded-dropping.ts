import type { Random } from '@consilium/shared';
import type { Dropping } from './layers/layer.js';

/** Masks drawn on the host from a saved stream, so that a step can be repeated to the bit. */
export class SeededDropping implements Dropping {
  constructor(
    private readonly random: Random,
    private readonly pathProbability: number,
    /** In place of the one that the backbone was published with. */
    private readonly channelProbability: number | null = null,
  ) {}

  channels(batch: number, channels: number, published: number): Float32Array {
    return this.#factors(batch * channels, this.channelProbability ?? published);
  }

  paths(batch: number): Float32Array {
    return this.#factors(batch, this.pathProbability);
  }

  #factors(count: number, probability: number): Float32Array {
    const kept = 1 / (1 - probability);
    return Float32Array.from({ length: count }, () => (this.random.chance(probability) ? 0 : kept));
  }
}
