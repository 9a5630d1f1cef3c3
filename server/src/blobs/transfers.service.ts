import { Inject, Injectable } from '@nestjs/common';
import type { SiteTraffic, Transfer } from '@consilium/shared';
import { DataSource, LessThan } from 'typeorm';
import type { Logger } from 'pino';
import { CLOCK, IDS, LOG, type Clock, type Ids } from '../settings/process-context.js';
import { TransferEntity } from './transfer.entity.js';

/** How many of a site's transfers are listed. */
const LISTED = 100;

/** What moved between each site and the server, request by request. */
@Injectable()
export class TransfersService {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  /** An account that cannot be written costs nobody a transfer. */
  async record(transfer: Omit<TransferEntity, 'id' | 'startedAt' | 'site'>): Promise<void> {
    if (transfer.bytes === 0) return;
    const startedAt = new Date(this.clock.now().getTime() - transfer.milliseconds);
    try {
      await this.dataSource.manager.insert(TransferEntity, { ...transfer, id: this.ids.uuid(), startedAt });
    } catch (error) {
      this.log.warn({ err: error }, 'a transfer was not recorded');
    }
  }

  async removeBefore(time: Date): Promise<void> {
    await this.dataSource.manager.delete(TransferEntity, { startedAt: LessThan(time) });
  }

  /** Newest first. */
  async ofSite(siteId: string): Promise<Transfer[]> {
    const rows = await this.dataSource
      .getRepository(TransferEntity)
      .find({ where: { siteId }, order: { startedAt: 'DESC' }, take: LISTED });
    return rows.map(({ direction, digest, encoding, bytes, milliseconds, startedAt }) => ({
      direction,
      digest,
      encoding,
      bytes,
      milliseconds,
      startedAt: startedAt.toISOString(),
    }));
  }

  async traffic(): Promise<SiteTraffic[]> {
    const rows: {
      site_id: string;
      direction: 'up' | 'down';
      transfers: string;
      bytes: string;
      milliseconds: string;
    }[] = await this.dataSource.query(
      `SELECT site_id, direction, count(*) AS transfers, sum(bytes) AS bytes, sum(milliseconds) AS milliseconds
         FROM transfer GROUP BY site_id, direction ORDER BY site_id, direction`,
    );
    return rows.map(({ site_id: siteId, direction, transfers, bytes, milliseconds }) => ({
      siteId,
      direction,
      transfers: Number(transfers),
      bytes: Number(bytes),
      bytesPerSecond: Number(milliseconds) === 0 ? null : Math.round((1000 * Number(bytes)) / Number(milliseconds)),
    }));
  }
}
