import { Inject, Injectable } from '@nestjs/common';
import { DataSource, LessThan, MoreThan, Not, type EntityManager } from 'typeorm';
import { CLOCK, PROCESS, SETTINGS, type Clock } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { PresenceEntity } from './presence.entity.js';

/** Milliseconds for which a site counts as present after its socket was cut for an expired token: it is renewing it. */
const RENEWAL_GRACE = 10_000;
/** Milliseconds for which a row stands without being renewed: as long as the sites of a dead process seem present. */
const EXPIRY = 12_000;
const RENEW_EVERY = 4_000;

/** Which sites have said hello on an open socket, of this server process or of another one on the same database. */
@Injectable()
export class Presence {
  readonly #sockets = new Map<string, Set<string>>();
  #renewedAt = 0;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(PROCESS) private readonly process: string,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Forgets the processes before this one; where the database is this process's own, all of them are gone. */
  async start(): Promise<void> {
    if (this.settings.databaseUrl === undefined) await this.#rows.delete({ processId: Not(this.process) });
    else await this.#rows.delete({ expiresAt: LessThan(this.clock.now()) });
  }

  async enter(siteId: string, socketId: string): Promise<void> {
    const sockets = this.#sockets.get(siteId) ?? new Set<string>();
    this.#sockets.set(siteId, sockets.add(socketId));
    await this.#write([siteId], EXPIRY);
  }

  async leave(siteId: string, socketId: string, renewing: boolean): Promise<void> {
    const sockets = this.#sockets.get(siteId);
    if (!sockets?.delete(socketId) || sockets.size > 0) return;
    this.#sockets.delete(siteId);
    if (renewing) await this.#write([siteId], RENEWAL_GRACE);
    else await this.#rows.delete({ processId: this.process, siteId });
  }

  /** Called by the process's ticker. */
  async renew(): Promise<void> {
    const now = this.clock.now().getTime();
    if (now - this.#renewedAt < RENEW_EVERY) return;
    this.#renewedAt = now;
    if (this.#sockets.size > 0) await this.#write([...this.#sockets.keys()], EXPIRY);
  }

  /** This process ends: its sites look for another. */
  async withdraw(): Promise<void> {
    await this.#rows.delete({ processId: this.process });
  }

  async present(manager: EntityManager = this.dataSource.manager): Promise<Set<string>> {
    const rows = await manager.findBy(PresenceEntity, { expiresAt: MoreThan(this.clock.now()) });
    return new Set(rows.map(({ siteId }) => siteId));
  }

  get #rows() {
    return this.dataSource.getRepository(PresenceEntity);
  }

  async #write(siteIds: string[], milliseconds: number): Promise<void> {
    const expiresAt = new Date(this.clock.now().getTime() + milliseconds);
    const rows = siteIds.map((siteId) => ({ processId: this.process, siteId, expiresAt }));
    await this.dataSource.manager.upsert(PresenceEntity, rows, ['processId', 'siteId']);
  }
}
