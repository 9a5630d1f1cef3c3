import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { modelTensors, type Digest, type ExpectedTensor, type Refusal, type StudyManifest } from '@consilium/shared';
import type { AggregatedModel } from '../aggregation/aggregation-jobs.js';
import { AggregationService } from '../aggregation/aggregation.service.js';
import type { Admitted } from '../aggregation/check-values.js';
import { BlobStore } from '../blobs/blob-store.js';

/** Everything that a new model depends on. Blobs are named by digest. */
export interface ModelRecipe {
  manifest: StudyManifest;
  /** Names the round, for what is drawn at random in it. */
  seed: string;
  base: Digest;
  /** What the server's optimiser kept with the base, if anything. */
  optimiser: Digest | null;
  /** Weights are whole thousandths of a labelled volume, at least one of them above 0. */
  updates: { blob: Digest; weight: number }[];
}

/** What rounds need done with whole models, away from the thread that answers requests. */
@Injectable()
export class ModelArithmetic {
  constructor(
    private readonly store: BlobStore,
    private readonly aggregation: AggregationService,
  ) {}

  /** A refusal, or how the update differs from its base where it may enter an aggregate on it. */
  async admit(update: { manifest: StudyManifest; base: Digest; blob: Digest }): Promise<Refusal | Admitted> {
    return this.aggregation.check({
      base: await this.#file(update.base),
      update: await this.store.local(update.blob),
      tensors: expectedTensors(update.manifest),
      maximumNorm: update.manifest.admission.maximumNorm,
    });
  }

  /**
   * The new model is in the blob store, complete, when this resolves, and so is what the optimiser keeps; the same updates
   * give the same digests in any order.
   */
  aggregate(recipe: ModelRecipe): Promise<AggregatedModel> {
    return this.#make(recipe, async (made, files) => {
      await this.store.adopt(files.output, made.digest, made.bytes);
      if (made.optimiser) {
        await this.store.adopt(files.optimiserOutput, made.optimiser.digest, made.optimiser.bytes);
      }
    });
  }

  /** The same without keeping anything: what the digests are that the updates give. */
  rebuild(recipe: ModelRecipe): Promise<AggregatedModel> {
    return this.#make(recipe, () => Promise.resolve());
  }

  async #make(
    { manifest, seed, base, optimiser, updates }: ModelRecipe,
    keep: (made: AggregatedModel, files: { output: string; optimiserOutput: string }) => Promise<void>,
  ): Promise<AggregatedModel> {
    const [output, optimiserOutput] = [randomUUID(), randomUUID()].map((name) => join(this.store.making, name));
    try {
      const made = await this.aggregation.aggregate({
        base: await this.#file(base),
        updates: await Promise.all(
          updates.map(async ({ blob, weight }) => ({ path: await this.store.local(blob), weight })),
        ),
        tensors: expectedTensors(manifest),
        settings: manifest.aggregation,
        seed,
        optimiser: optimiser === null ? null : await this.store.local(optimiser),
        output,
        optimiserOutput,
      });
      await keep(made, { output, optimiserOutput });
      return made;
    } finally {
      for (const file of [output, optimiserOutput]) await rm(file, { force: true });
    }
  }

  async #file(digest: Digest): Promise<{ path: string; digest: Digest }> {
    return { path: await this.store.local(digest), digest };
  }
}

/** Without what a thread cannot be sent and does not need: how a tensor starts. */
function expectedTensors(manifest: StudyManifest): ExpectedTensor[] {
  return modelTensors(manifest.model).map(({ name, shape, kind }) => ({ name, shape, kind }));
}
