import { Inject, Injectable } from '@nestjs/common';
import type { Digest } from '@consilium/shared';
import type { Request, Response } from 'express';
import { DataSource, LessThan, type EntityManager } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../identity/caller.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { BlobEntity } from './blob.entity.js';
import { BlobStore, type StoredBlob } from './blob-store.js';
import { sendBlob } from './send-blob.js';
import { TransfersService } from './transfers.service.js';

/** The rows of the blob store, and who may read what. */
@Injectable()
export class BlobsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BlobStore,
    private readonly transfers: TransfersService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Idempotent: equal content has one row, whoever brought it first. */
  async register(manager: EntityManager, blob: StoredBlob, uploadedBy: string | null): Promise<void> {
    await manager
      .createQueryBuilder()
      .insert()
      .into(BlobEntity)
      .values({ digest: blob.digest, bytes: blob.bytes, uploadedBy, createdAt: this.clock.now() })
      .orIgnore()
      .execute();
  }

  /** The blob, if its row and its file are both there. */
  async find(digest: Digest): Promise<StoredBlob | null> {
    const row = await this.dataSource.getRepository(BlobEntity).findOneBy({ digest });
    if (!row || (await this.store.sizeOf(digest)) !== row.bytes) return null;
    return { digest, bytes: row.bytes };
  }

  /** The blob, if this caller may read it. */
  async findFor(caller: Caller, digest: Digest): Promise<StoredBlob | null> {
    return (await this.#mayRead(caller, digest)) ? this.find(digest) : null;
  }

  /** A site reads models and what it brought itself; another site's update is none of its business. */
  async send(caller: Caller, digest: Digest, request: Request, response: Response): Promise<void> {
    const blob = await this.findFor(caller, digest);
    if (!blob) throw new ApiError('not-found', 'The server has no such blob for this caller.');
    const started = performance.now();
    const bytes = await sendBlob(this.store, blob, request, response);
    if (caller.kind !== 'site') return;
    const milliseconds = Math.round(performance.now() - started);
    await this.transfers.record({
      siteId: caller.id,
      direction: 'down',
      digest,
      encoding: 'float32',
      bytes,
      milliseconds,
    });
  }

  /**
   * Removes blobs that came before this time and that no update and no model names: of updates that were refused, or never
   * submitted. Should one be wanted after all, its site is told that it is unknown, and sends it again.
   */
  async removeUnused(before: Date): Promise<void> {
    const unused = (alias: string) => `NOT EXISTS (SELECT 1 FROM ${alias} = "blob"."digest")`;
    const removed = await this.dataSource
      .createQueryBuilder()
      .delete()
      .from(BlobEntity)
      .where({ createdAt: LessThan(before) })
      .andWhere(unused('"update" WHERE "update"."blob_digest"'))
      .andWhere(unused('"model_version" WHERE "model_version"."blob_digest"'))
      .andWhere(unused('"model_version" WHERE "model_version"."optimiser_digest"'))
      .returning('digest')
      .execute();
    for (const { digest } of removed.raw as { digest: Digest }[]) await this.store.remove(digest);
  }

  async #mayRead(caller: Caller, digest: Digest): Promise<boolean> {
    if (caller.kind === 'operator') return true;
    if (await this.dataSource.getRepository(ModelVersionEntity).existsBy({ blobDigest: digest })) return true;
    return this.dataSource.getRepository(BlobEntity).existsBy({ digest, uploadedBy: caller.id });
  }
}
