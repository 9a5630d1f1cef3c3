import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, MoreThan } from 'typeorm';
import { LogEntryEntity } from '../audit/log-entry.entity.js';
import { LOG } from '../settings/process-context.js';

const BATCH = 200;
/** Of an event, what a search in a process's log is for. Keys, signatures and settings stay in the transparency log. */
const SHOWN = ['site', 'version', 'verdict', 'reason', 'sentence', 'operator'] as const;

/** Tells in the process's log of every event that has been committed, with the round and the site that it is about. */
@Injectable()
export class ActivityLog {
  #told: number | undefined;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  /** Called by the ticker: from the first call on, nothing older is told. */
  async tell(): Promise<void> {
    this.#told ??= await this.#newest();
    const entries = await this.dataSource.getRepository(LogEntryEntity).find({
      where: { index: MoreThan(this.#told) },
      order: { index: 'ASC' },
      take: BATCH,
    });
    for (const entry of entries) {
      this.log.info(fieldsOf(entry), entry.type);
      this.#told = entry.index;
    }
  }

  async #newest(): Promise<number> {
    return (await this.dataSource.getRepository(LogEntryEntity).maximum('index')) ?? -1;
  }
}

function fieldsOf({ index, text, roundId, studyDigest }: LogEntryEntity): Record<string, unknown> {
  const event = JSON.parse(text) as Record<string, unknown> & { actor: { kind: string; name?: string } };
  const shown = SHOWN.filter((name) => event[name] !== undefined && event[name] !== null);
  return {
    entry: index,
    actor: event.actor.name ?? event.actor.kind,
    ...(studyDigest !== null && { study: studyDigest.slice(0, 12) }),
    ...(roundId !== null && { roundId, round: event.number }),
    ...Object.fromEntries(shown.map((name) => [name, event[name]])),
  };
}
