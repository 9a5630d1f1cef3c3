import {
  cosignedAt,
  LogEvent,
  parseCheckpoint,
  witnessName,
  withSignature,
  type CheckpointView,
  type ConsistencyProof,
  type Cosignature,
  type Hash,
  type InclusionProof,
  type LogEntryView,
  type LogKeys,
  type LogPage,
  type LogQuery,
} from '@consilium/shared';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, In } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import type { SiteCaller } from '../identity/caller.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { leafOf } from './audit-log.js';
import { Checkpoints } from './checkpoints.js';
import { LogCheckpointEntity } from './log-checkpoint.entity.js';
import { LogCosignatureEntity } from './log-cosignature.entity.js';
import { LogEntryEntity } from './log-entry.entity.js';
import { LogTree } from './log-tree.js';

/** The log as others read it. */
@Injectable()
export class LogService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tree: LogTree,
    private readonly checkpoints: Checkpoints,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Of all that is in the log; with the lines of sites where it had been signed before. */
  async checkpoint(): Promise<CheckpointView> {
    const { size } = await this.checkpoints.newest();
    const row = await this.dataSource.getRepository(LogCheckpointEntity).findOneByOrFail({ size });
    return { size, note: await this.#cosigned(row), signedAt: row.signedAt.toISOString() };
  }

  async entries({ from, limit, order, type, site, study, round }: LogQuery): Promise<LogPage> {
    const newest = order === 'newest';
    const query = this.dataSource.getRepository(LogEntryEntity).createQueryBuilder('entry');
    if (from !== undefined) query.andWhere(`entry.index ${newest ? '<=' : '>='} :from`, { from });
    if (type !== undefined) query.andWhere('entry.type = :type', { type });
    if (site !== undefined) query.andWhere('entry.site_id = :site', { site });
    if (study !== undefined) query.andWhere('entry.study_digest = :study', { study });
    if (round !== undefined) query.andWhere('entry.round_id = :round', { round });
    const rows = await query
      .orderBy('entry.index', newest ? 'DESC' : 'ASC')
      .limit(limit + 1)
      .getMany();
    const next = rows.length > limit ? rows[limit].index : null;
    return { size: await this.tree.size(), entries: rows.slice(0, limit).map(viewOf), next };
  }

  async entry(index: number): Promise<LogEntryView> {
    const row = await this.dataSource.getRepository(LogEntryEntity).findOneBy({ index });
    if (!row) throw new ApiError('not-found', `The log has no entry ${index}.`);
    return viewOf(row);
  }

  async keys(): Promise<LogKeys> {
    const rows = await this.dataSource
      .getRepository(LogEntryEntity)
      .find({ where: { type: In(['log-opened', 'server-key-changed']) }, order: { index: 'ASC' } });
    return { entries: rows.map(({ index, text }) => ({ index, event: LogEvent.parse(JSON.parse(text)) })) };
  }

  async inclusion(index: number, size: number): Promise<InclusionProof> {
    await this.#requireSize(size);
    if (index >= size) throw new ApiError('invalid-request', `Expected an index below the size ${size}, got ${index}.`);
    const { leaf } = await this.entry(index);
    return { index, size, leaf, proof: (await this.tree.inclusion(index, size)).map(hex) };
  }

  async consistency(from: number, to: number): Promise<ConsistencyProof> {
    await this.#requireSize(to);
    if (from > to)
      throw new ApiError('invalid-request', `Expected a size of at most ${to} to begin with, got ${from}.`);
    return { from, to, proof: (await this.tree.consistency(from, to)).map(hex) };
  }

  /** A site has verified this checkpoint and signs it; the same line twice is one. */
  async cosign(site: SiteCaller, { size, line }: Cosignature): Promise<void> {
    const row = await this.dataSource.getRepository(LogCheckpointEntity).findOneBy({ size });
    if (!row) throw new ApiError('not-found', `The server has signed no checkpoint of the size ${size}.`);
    const { publicKey } = await this.dataSource.getRepository(SiteEntity).findOneByOrFail({ id: site.id });
    const signed = parseCheckpoint(withSignature(row.note, line) ?? '');
    if (!signed || cosignedAt(signed, witnessName(signed.origin, site.name), publicKey) === null) {
      throw new ApiError(
        'invalid-request',
        `Expected a line by the key of ${site.name} under the checkpoint of the size ${size}, got another.`,
      );
    }
    const cosignature = { size, siteId: site.id, line, receivedAt: this.clock.now() };
    await this.dataSource
      .createQueryBuilder()
      .insert()
      .into(LogCosignatureEntity)
      .values(cosignature)
      .orIgnore()
      .execute();
  }

  async #requireSize(size: number): Promise<void> {
    const all = await this.tree.size();
    if (size > all) throw new ApiError('not-found', `The log has ${all} entries, fewer than ${size}.`);
  }

  async #cosigned({ size, note }: LogCheckpointEntity): Promise<string> {
    const lines = await this.dataSource
      .getRepository(LogCosignatureEntity)
      .find({ where: { size }, order: { siteId: 'ASC' } });
    return lines.reduce((whole, { line }) => withSignature(whole, line) ?? whole, note);
  }
}

export function hex(hash: Hash): string {
  return Buffer.from(hash).toString('hex');
}

function viewOf({ index, text }: LogEntryEntity): LogEntryView {
  return { index, leaf: hex(leafOf(text)), event: LogEvent.parse(JSON.parse(text)) };
}
