import { Random } from '@consilium/shared';
import type { LabelledPatches, UnlabelledPatches } from '../crln/patches.js';
import { CaseMemory } from './case-memory.js';
import { cropInto, foregroundVoxels, placeAround, randomCorner } from './crop.js';
import type { SiteEntry } from './site.js';
import { voxelCount, type Case, type Triple } from './volume.js';

export interface SamplerOptions {
  readonly labelled: readonly SiteEntry[];
  readonly unlabelled: readonly SiteEntry[];
  /** Reads a case on the study's spacing; `loadCase` with its cache. */
  readonly load: (entry: SiteEntry) => Promise<Case>;
  /** Voxels [height, width, depth]. */
  readonly patch: Triple;
  readonly random: Random;
  /**
   * Share of labelled patches placed so that they hold a foreground voxel. 0, the default, is the published plain random
   * crop; worth raising where the organ fills little of a volume and most plain crops would be background alone.
   */
  readonly foregroundShare?: number | undefined;
  /** Below this many unlabelled volumes the labelled ones' images join them: a batch mixes different patients. */
  readonly fewestUnlabelled?: number | undefined;
  /** Of voxels held in memory; beyond it the case that was used longest ago is read again when needed. */
  readonly memoryBytes?: number | undefined;
}

/** JSON; continues the same patches in another process. */
export interface SamplerState {
  readonly random: readonly number[];
  readonly labelledQueue: readonly number[];
  readonly unlabelledQueue: readonly number[];
}

const DEFAULT_MEMORY = 1024 ** 3;

/**
 * Random patches of a site's cases. Every volume is drawn once before any is drawn again, in a new random order each
 * time, as an epoch over volumes does; where in the volume is plain chance. Volumes smaller than the patch are padded
 * around with their lowest intensity and class 0.
 */
export class PatchSampler {
  readonly #options: SamplerOptions;
  readonly #memory: CaseMemory;
  /** Where unlabelled patches come from. */
  readonly #pool: readonly SiteEntry[];
  readonly #foreground = new Map<string, Int32Array>();
  #random: Random;
  #labelledQueue: number[] = [];
  #unlabelledQueue: number[] = [];

  constructor(options: SamplerOptions) {
    const { labelled, unlabelled, fewestUnlabelled = 2 } = options;
    this.#options = options;
    this.#random = options.random;
    this.#memory = new CaseMemory(options.load, options.memoryBytes ?? DEFAULT_MEMORY);
    this.#pool = unlabelled.length < fewestUnlabelled ? [...unlabelled, ...labelled] : unlabelled;
  }

  /** Undefined at a site without labelled volumes. Intensities are the file's: normalise before use. */
  async labelled(count: number): Promise<LabelledPatches | undefined> {
    const { labelled, patch } = this.#options;
    if (labelled.length === 0) return undefined;
    const size = voxelCount(patch);
    const image = new Float32Array(count * size);
    const label = new Int32Array(count * size);
    for (let b = 0; b < count; b++) {
      const one = await this.#memory.get(labelled[this.#next(this.#labelledQueue, labelled.length)]);
      const corner = this.#labelledCorner(one);
      cropInto(image, b * size, one.image, one.shape, patch, corner, one.minimum);
      cropInto(label, b * size, one.label!, one.shape, patch, corner, 0);
    }
    return { image, label, shape: [count, ...patch] };
  }

  /** Undefined at a site without any volume. */
  async unlabelled(count: number): Promise<UnlabelledPatches | undefined> {
    const { patch } = this.#options;
    if (this.#pool.length === 0) return undefined;
    const size = voxelCount(patch);
    const image = new Float32Array(count * size);
    for (let b = 0; b < count; b++) {
      const one = await this.#memory.get(this.#pool[this.#next(this.#unlabelledQueue, this.#pool.length)]);
      cropInto(image, b * size, one.image, one.shape, patch, randomCorner(one.shape, patch, this.#random), one.minimum);
    }
    return { image, shape: [count, ...patch] };
  }

  get state(): SamplerState {
    return {
      random: this.#random.state,
      labelledQueue: [...this.#labelledQueue],
      unlabelledQueue: [...this.#unlabelledQueue],
    };
  }

  /** The volumes must be those of the state; indices beyond them mean that the site's folder has changed: start afresh. */
  restore(state: SamplerState): void {
    this.#random = Random.restore(state.random);
    this.#labelledQueue = state.labelledQueue.filter((index) => index < this.#options.labelled.length);
    this.#unlabelledQueue = state.unlabelledQueue.filter((index) => index < this.#pool.length);
  }

  #next(queue: number[], volumes: number): number {
    if (queue.length === 0) queue.push(...this.#random.shuffle(Array.from({ length: volumes }, (_, index) => index)));
    return queue.shift()!;
  }

  #labelledCorner(one: Case): Triple {
    const { patch, foregroundShare = 0 } = this.#options;
    if (foregroundShare > 0 && this.#random.chance(foregroundShare)) {
      const voxels = this.#foregroundOf(one);
      if (voxels.length > 0) {
        return placeAround(voxels[this.#random.below(voxels.length)], one.shape, patch, this.#random);
      }
    }
    return randomCorner(one.shape, patch, this.#random);
  }

  #foregroundOf(one: Case): Int32Array {
    const known = this.#foreground.get(one.name) ?? foregroundVoxels(one.label!);
    this.#foreground.set(one.name, known);
    return known;
  }
}
