import { Random } from '@consilium/shared';
import { prepareBatch } from '../crln/augmentation.js';
import type { PreparedBatch } from '../crln/patches.js';
import { NodeFailure } from '../settings/failure.js';
import { PatchSampler, type CaseMemory, type LeftOut, type SiteEntry, type Triple } from '../volumes/index.js';

/** What one round's batches are made of; plain values, as it goes to another thread. */
export interface Feed {
  readonly labelled: readonly SiteEntry[];
  readonly unlabelled: readonly SiteEntry[];
  /** Millimetres. */
  readonly spacing: Triple;
  /** Voxels [height, width, depth]. */
  readonly patch: Triple;
  /** Background included. */
  readonly classes: number;
  readonly labelledPerStep: number;
  readonly unlabelledPerStep: number;
  readonly seed: number;
  readonly cacheDir: string;
}

/** Makes batches: volumes loaded, patches cut, augmented and normalised. A step's bytes follow from feed and step alone. */
export class BatchMaker {
  readonly #sampler: PatchSampler;

  constructor(
    private readonly feed: Feed,
    private readonly memory: CaseMemory,
    onLeftOut: (volume: LeftOut) => void,
  ) {
    this.#sampler = new PatchSampler({ ...feed, load: (entry) => this.#load(entry), onLeftOut });
  }

  async make(step: number): Promise<PreparedBatch> {
    const { labelledPerStep, unlabelledPerStep, seed } = this.feed;
    const batch = await this.#sampler.batch(step);
    if (batch.labelled === undefined && batch.unlabelled === undefined) {
      const wanted = `${labelledPerStep} labelled and ${unlabelledPerStep} unlabelled patches`;
      throw new NodeFailure('bad-data', `training: expected volumes for ${wanted} a step, and none is usable any more`);
    }
    return prepareBatch(batch, Random.from(seed, 'augmentation', step));
  }

  async #load(entry: SiteEntry) {
    const { spacing, cacheDir, classes } = this.feed;
    const one = await this.memory.get(entry, spacing, cacheDir);
    if (one.highestClass >= classes) {
      const sentence = `its label holds class ${one.highestClass}, expected 0 to ${classes - 1}`;
      throw new NodeFailure('bad-data', `${entry.image}: ${sentence}`);
    }
    return one;
  }
}
