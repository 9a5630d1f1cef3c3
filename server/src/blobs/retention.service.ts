import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { BlobStore } from './blob-store.js';
import { BlobsService } from './blobs.service.js';
import { TransfersService } from './transfers.service.js';
import { UploadsService } from './uploads.service.js';

const DAY = 86_400_000;
/** Days after which a blob that nothing names goes. */
const UNUSED = 7;
/** Days for which single transfers are accounted for. */
const TRANSFERS = 90;

/** What is not kept for good; docs/operating-a-server.md says it. */
@Injectable()
export class Retention {
  constructor(
    private readonly uploads: UploadsService,
    private readonly blobs: BlobsService,
    private readonly transfers: TransfersService,
    private readonly store: BlobStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Called every hour. */
  async enforce(): Promise<void> {
    const daysAgo = (days: number) => new Date(this.clock.now().getTime() - days * DAY);
    await this.uploads.removeExpired();
    await this.blobs.removeUnused(daysAgo(UNUSED));
    await this.transfers.removeBefore(daysAgo(TRANSFERS));
    await this.store.tidy();
  }
}
