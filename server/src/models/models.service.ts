import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { ModelSettings, ModelVersion, StudyManifest } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import { AggregationService } from '../aggregation/aggregation.service.js';
import { ApiError } from '../http/api-error.js';
import { BlobStore, type StoredBlob } from '../blobs/blob-store.js';
import { BlobsService } from '../blobs/blobs.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { ModelVersionEntity } from './model-version.entity.js';

@Injectable()
export class ModelsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BlobStore,
    private readonly blobs: BlobsService,
    private readonly aggregation: AggregationService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(studyId: string): Promise<ModelVersion[]> {
    const versions = await this.dataSource
      .getRepository(ModelVersionEntity)
      .find({ where: { studyId }, order: { version: 'ASC' } });
    return versions.map(viewOf);
  }

  async newest(studyId: string, manager: EntityManager = this.dataSource.manager): Promise<ModelVersionEntity> {
    const version = (
      await manager.find(ModelVersionEntity, {
        where: { studyId },
        order: { version: 'DESC' },
        take: 1,
      })
    ).at(0);
    if (!version) throw new Error(`study ${studyId}: expected a model version, got none`);
    return version;
  }

  /** Draws the first model, or takes one that the server holds. The blob is on disk when this resolves. */
  async prepareInitial(manifest: StudyManifest): Promise<StoredBlob> {
    if ('seed' in manifest.initial) return this.#draw(manifest.model, manifest.initial.seed);
    const { digest } = manifest.initial;
    const isModel = await this.dataSource.getRepository(ModelVersionEntity).existsBy({ blobDigest: digest });
    const blob = isModel ? await this.blobs.find(digest) : null;
    if (!blob)
      throw new ApiError('not-found', `The server holds no model version with the digest ${digest} to begin with.`);
    return blob;
  }

  async #draw(model: ModelSettings, seed: number): Promise<StoredBlob> {
    const output = join(this.store.making, randomUUID());
    try {
      const { digest, bytes } = await this.aggregation.initial({ model, seed, output });
      return await this.store.adopt(output, digest, bytes);
    } finally {
      await rm(output, { force: true });
    }
  }

  async add(
    manager: EntityManager,
    version: {
      studyId: string;
      version: number;
      roundId: string | null;
      blob: StoredBlob;
      optimiser: StoredBlob | null;
    },
  ): Promise<void> {
    await this.blobs.register(manager, version.blob, null);
    if (version.optimiser) await this.blobs.register(manager, version.optimiser, null);
    await manager.insert(ModelVersionEntity, {
      studyId: version.studyId,
      version: version.version,
      roundId: version.roundId,
      blobDigest: version.blob.digest,
      blobBytes: version.blob.bytes,
      optimiserDigest: version.optimiser?.digest ?? null,
      createdAt: this.clock.now(),
    });
  }
}

export function viewOf(row: ModelVersionEntity): ModelVersion {
  return {
    studyId: row.studyId,
    version: row.version,
    blob: { digest: row.blobDigest, bytes: row.blobBytes },
    createdAt: row.createdAt.toISOString(),
  };
}
