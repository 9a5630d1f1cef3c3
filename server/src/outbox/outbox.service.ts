import { Inject, Injectable } from '@nestjs/common';
import type { Changed } from '@consilium/shared';
import type { Logger } from 'pino';
import { DataSource, LessThan, type EntityManager } from 'typeorm';
import { CLOCK, LOG, type Clock } from '../settings/process-context.js';
import { OutboxEventEntity } from './outbox-event.entity.js';

export interface Announcement {
  change: Changed;
  wakesSites: boolean;
}

interface NewEvent {
  topic: Changed['topic'];
  subject: string;
  wakesSites?: boolean;
}

type Listener = (announcement: Announcement) => void;

/** Milliseconds for which a change is kept: far longer than any process needs to come around to it. */
const KEPT = 60_000;
const BATCH = 500;

/**
 * Changes are written in the transaction that makes them, and told after it: nobody hears of what was rolled back. Each
 * server process tells its own sockets of every change, whichever process made it, by reading on from where it was.
 *
 * Ids are drawn before commits, so that a reader could pass by a lower id that commits later. It reads in the order of
 * transactions instead, and only those below the oldest one that is still under way: nothing can appear behind it.
 */
@Injectable()
export class Outbox {
  readonly #listeners: Listener[] = [];
  #sending: Promise<void> | undefined;
  #again = false;
  /** The last event told. Whatever a process that died left untold is told by the next one that starts. */
  #told = { transaction: '0', id: '0' };

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Only inside the transaction of the change itself; `poke` after it has been committed. */
  async add(manager: EntityManager, ...events: NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = events.map(({ topic, subject, wakesSites = false }) => ({
      topic,
      subject,
      wakesSites,
      transaction: () => 'pg_current_xact_id()::text::bigint',
      createdAt: this.clock.now(),
    }));
    await manager.insert(OutboxEventEntity, rows);
  }

  poke(): void {
    this.#again = true;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#again) this.poke();
    });
  }

  /** Forgets what every process has told by now; called by the process's ticker. */
  async prune(): Promise<void> {
    const before = new Date(this.clock.now().getTime() - KEPT);
    await this.dataSource.getRepository(OutboxEventEntity).delete({ createdAt: LessThan(before) });
  }

  /** Resolves once nothing is being sent; call before the database closes. */
  async settle(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const events = await this.#next();
        for (const event of events) this.#tell(event);
        if (events.length === BATCH) this.#again = true;
      }
    } catch (error) {
      this.#again = false;
      this.log.error({ err: error }, 'changes could not be announced; the next change tries again');
    }
  }

  #next(): Promise<OutboxEventEntity[]> {
    return this.dataSource
      .getRepository(OutboxEventEntity)
      .createQueryBuilder('event')
      .where('(event.transaction, event.id) > (:transaction::bigint, :id::bigint)', this.#told)
      .andWhere('event.transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint')
      .orderBy({ 'event.transaction': 'ASC', 'event.id': 'ASC' })
      .limit(BATCH)
      .getMany();
  }

  #tell(event: OutboxEventEntity): void {
    this.#told = { transaction: event.transaction, id: event.id };
    const change: Changed = { topic: event.topic, id: event.subject, version: Number(event.id) };
    for (const listener of this.#listeners) listener({ change, wakesSites: event.wakesSites });
  }
}
