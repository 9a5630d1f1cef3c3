import { Random, type StudyManifest } from '@consilium/shared';
import type { CrlnBatch } from '../crln/index.js';
import { PatchSampler, type SamplerState, type Site } from '../volumes/index.js';
import type { BatchSource } from './train-round.js';
import type { Workshop } from './workshop.js';

/** Patches drawn on the thread that trains. */
export class SampledBatches implements BatchSource<CrlnBatch> {
  readonly #sampler: PatchSampler;

  constructor(
    site: Site,
    private readonly study: StudyManifest,
    seed: number,
    workshop: Workshop,
  ) {
    this.#sampler = new PatchSampler({
      labelled: site.labelled,
      unlabelled: site.unlabelled,
      load: (entry) => workshop.cases.get(entry, study.spacing),
      patch: study.model.patch,
      random: Random.from(seed, 'patches'),
      memoryBytes: workshop.options.memoryMegabytes * 2 ** 20,
    });
  }

  async next(): Promise<CrlnBatch> {
    const { labelledPerStep, unlabelledPerStep } = this.study.training;
    const labelled = await this.#sampler.labelled(labelledPerStep);
    const unlabelled = unlabelledPerStep > 0 ? await this.#sampler.unlabelled(unlabelledPerStep) : undefined;
    return { ...(labelled && { labelled }), ...(unlabelled && { unlabelled }) };
  }

  get state(): SamplerState {
    return this.#sampler.state;
  }

  restore(state: unknown): void {
    // Written by `state` above, in a checkpoint whose key is this round's.
    this.#sampler.restore(state as SamplerState);
  }
}
