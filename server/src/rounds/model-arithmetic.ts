import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import {
  modelTensors,
  type Change,
  type Digest,
  type ExpectedTensor,
  type Refusal,
  type StudyManifest,
} from '@consilium/shared';
import { AggregationService } from '../aggregation/aggregation.service.js';
import { BlobStore, type StoredBlob } from '../blobs/blob-store.js';

/** What rounds need done with whole models, away from the thread that answers requests. Blobs are named by digest. */
@Injectable()
export class ModelArithmetic {
  constructor(
    private readonly store: BlobStore,
    private readonly aggregation: AggregationService,
  ) {}

  /** A refusal, or how the update differs from its base where it may enter an aggregate on it. */
  async admit(update: { manifest: StudyManifest; base: Digest; blob: Digest }): Promise<Refusal | Change> {
    return this.aggregation.check({
      base: await this.#file(update.base),
      update: await this.store.local(update.blob),
      tensors: expectedTensors(update.manifest),
      maximumNorm: update.manifest.admission.maximumNorm,
    });
  }

  /**
   * The new model is in the blob store, complete, when this resolves; the same updates give the same digest in any order.
   * Weights are whole thousandths of a labelled volume, at least one of them above 0.
   */
  async aggregate(job: {
    manifest: StudyManifest;
    base: Digest;
    updates: { blob: Digest; weight: number }[];
  }): Promise<StoredBlob> {
    const output = join(this.store.making, randomUUID());
    try {
      const { digest, bytes } = await this.aggregation.aggregate({
        base: await this.#file(job.base),
        updates: await Promise.all(
          job.updates.map(async ({ blob, weight }) => ({ path: await this.store.local(blob), weight })),
        ),
        tensors: expectedTensors(job.manifest),
        rule: job.manifest.aggregation.rule,
        output,
      });
      return await this.store.adopt(output, digest, bytes);
    } finally {
      await rm(output, { force: true });
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
