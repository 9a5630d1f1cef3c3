import { Controller, Get, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BlobStore } from '../blobs/blob-store.js';
import { ApiError } from './api-error.js';
import { PROTOCOL_VERSION } from '@consilium/shared';
import { Access } from '../identity/access.decorator.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { VERSION } from '../settings/version.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly blobs: BlobStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Access('public')
  health(): { status: 'ok'; version: string; protocolVersion: number; time: string } {
    return { status: 'ok', version: VERSION, protocolVersion: PROTOCOL_VERSION, time: this.clock.now().toISOString() };
  }

  /** For balancers: whether database and blob store answer. */
  @Get('ready')
  @Access('public')
  async ready(): Promise<{ status: 'ready' }> {
    try {
      await this.dataSource.query('SELECT 1');
      await this.blobs.sizeOf(ABSENT);
    } catch (error) {
      throw new ApiError('not-ready', 'The server cannot reach its database or its blobs.', { cause: error });
    }
    return { status: 'ready' };
  }
}

/** No content has this digest. */
const ABSENT = '0'.repeat(64);
