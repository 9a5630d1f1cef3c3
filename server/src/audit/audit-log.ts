import { canonicalJson, leafHash, LogEvent, type LogActor, type NewLogEvent } from '@consilium/shared';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../identity/caller.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { LogEntryEntity } from './log-entry.entity.js';
import { LogNodeEntity } from './log-node.entity.js';
import { frontierOf, sha256 } from './log-tree.js';

/** Any number: what counts is that all processes lock the same. */
const LOG_LOCK = 1_200_701;

export const SERVER: LogActor = { kind: 'server' };

export function actorOf({ kind, id, name }: Pick<Caller, 'kind' | 'id' | 'name'>): LogActor {
  return { kind, id, name };
}

/** The end of the transparency log, where it grows. */
@Injectable()
export class AuditLog {
  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /**
   * Adds events inside the transaction of what they tell of, so that neither is there without the other; returns the index
   * of the first. From here to the transaction's end nobody else appends, in any process: that makes the order of indexes
   * the order of commits, and leaves no gap where a transaction rolls back. So append last: whoever waits for another lock
   * behind this one holds up everybody, or waits in a circle.
   */
  async append(manager: EntityManager, ...events: NewLogEvent[]): Promise<number> {
    const at = this.clock.now();
    await manager.query('SELECT pg_advisory_xact_lock($1)', [LOG_LOCK]);
    // A statement of its own, which sees what was committed while this one waited.
    const frontier = await frontierOf(manager);
    const first = frontier.size;
    if (events.length === 0) return first;
    const entries = events.map((event, i) => entryOf(first + i, at, event));
    await manager.insert(LogEntryEntity, entries);
    await manager.insert(
      LogNodeEntity,
      entries.flatMap(({ text }) => frontier.append(leafOf(text))),
    );
    return first;
  }
}

export function leafOf(text: string): Uint8Array {
  return leafHash(Buffer.from(text, 'utf8'), sha256);
}

type EntryRow = Pick<LogEntryEntity, keyof LogEntryEntity>;

function entryOf(index: number, at: Date, event: NewLogEvent): EntryRow {
  const whole = LogEvent.parse({ ...event, at: at.toISOString() });
  return {
    index,
    at,
    type: whole.type,
    siteId: 'siteId' in whole ? whole.siteId : null,
    studyDigest: 'studyDigest' in whole ? whole.studyDigest : null,
    roundId: 'roundId' in whole ? whole.roundId : null,
    text: canonicalJson(whole),
  };
}
