import { Inject, Injectable } from '@nestjs/common';
import { PROTOCOL_VERSION, type Acknowledgement, type SiteHello, type SiteView } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { Presence } from './presence.js';
import { SiteEntity } from './site.entity.js';

type Revoked = (siteId: string) => void;

@Injectable()
export class SitesService {
  readonly #onRevoked: Revoked[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly presence: Presence,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Called at once when a site is revoked: whoever holds a connection of it cuts it. */
  onRevoked(listener: Revoked): void {
    this.#onRevoked.push(listener);
  }

  async list(): Promise<SiteView[]> {
    const sites = await this.dataSource.getRepository(SiteEntity).find({ order: { enrolledAt: 'ASC', name: 'ASC' } });
    return sites.map((site) => this.#view(site));
  }

  async hello(siteId: string, socketId: string, hello: SiteHello): Promise<Acknowledgement> {
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      return {
        ok: false,
        sentence: `The node speaks protocol version ${hello.protocolVersion} and this server ${PROTOCOL_VERSION}; install the same release on both.`,
      };
    }
    const { software, engine, data } = hello;
    await this.#record(siteId, { software, engine, data });
    this.presence.enter(siteId, socketId);
    return { ok: true };
  }

  async left(siteId: string): Promise<void> {
    await this.#record(siteId, {});
  }

  async revoke(id: string): Promise<SiteView> {
    const site = await this.dataSource.transaction(async (manager) => {
      const found = await manager.findOneBy(SiteEntity, { id });
      if (!found) throw new ApiError('not-found', 'There is no such site.');
      if (found.state === 'revoked') return found;
      const change = { state: 'revoked', revokedAt: this.clock.now() } as const;
      await manager.update(SiteEntity, { id }, change);
      await this.outbox.add(manager, { topic: 'site', subject: id, wakesSites: true });
      return Object.assign(found, change);
    });
    for (const listener of this.#onRevoked) listener(id);
    this.outbox.poke();
    return this.#view(site);
  }

  async #record(siteId: string, change: Partial<Pick<SiteEntity, 'software' | 'engine' | 'data'>>): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.update(SiteEntity, { id: siteId }, { ...change, lastSeen: this.clock.now() });
      await this.outbox.add(manager, { topic: 'site', subject: siteId });
    });
    this.outbox.poke();
  }

  #view(site: SiteEntity): SiteView {
    return {
      id: site.id,
      name: site.name,
      role: site.role,
      state: site.state,
      connected: site.state === 'enrolled' && this.presence.has(site.id),
      lastSeen: site.lastSeen?.toISOString() ?? null,
      software: site.software,
      engine: site.engine,
      data: site.data,
      keyFingerprint: site.keyFingerprint,
    };
  }
}
