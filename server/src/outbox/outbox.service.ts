import { Inject, Injectable } from '@nestjs/common';
import type { Changed } from '@consilium/shared';
import type { Logger } from 'pino';
import { DataSource, In, type EntityManager } from 'typeorm';
import { CLOCK, LOG, type Clock } from '../settings/process-context.js';
import { OutboxEventEntity } from './outbox-event.entity.js';

export interface Announcement {
  change: Changed;
  wakesSites: boolean;
}

type Listener = (announcement: Announcement) => void;

/**
 * Changes are written in the transaction that makes them, and told after it: nobody hears of what was rolled back,
 * and what a crash left untold is told after the next start.
 */
@Injectable()
export class Outbox {
  readonly #listeners: Listener[] = [];
  #sending: Promise<void> | undefined;
  #again = false;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Only inside the transaction of the change itself; `poke` after it has been committed. */
  async add(
    manager: EntityManager,
    event: { topic: Changed['topic']; subject: string; wakesSites?: boolean },
  ): Promise<void> {
    const { topic, subject, wakesSites = false } = event;
    await manager.insert(OutboxEventEntity, { topic, subject, wakesSites, createdAt: this.clock.now() });
  }

  poke(): void {
    this.#again = true;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#again) this.poke();
    });
  }

  /** Resolves once nothing is being sent; call before the database closes. */
  async settle(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const events = await this.dataSource.getRepository(OutboxEventEntity).find({ order: { id: 'ASC' }, take: 500 });
        for (const event of events) this.#tell(event);
        if (events.length > 0) {
          await this.dataSource.getRepository(OutboxEventEntity).delete({ id: In(events.map((event) => event.id)) });
          this.#again = true;
        }
      }
    } catch (error) {
      this.#again = false;
      this.log.error({ err: error }, 'changes could not be announced; the next change tries again');
    }
  }

  #tell(event: OutboxEventEntity): void {
    const change: Changed = { topic: event.topic, id: event.subject, version: Number(event.id) };
    for (const listener of this.#listeners) listener({ change, wakesSites: event.wakesSites });
  }
}
