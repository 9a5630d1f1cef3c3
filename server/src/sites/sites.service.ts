import { Inject, Injectable } from '@nestjs/common';
import {
  heardText,
  keyThumbprint,
  PROTOCOL_VERSION,
  spokenFingerprint,
  type Acknowledgement,
  type Exclusion,
  type SiteHello,
  type SiteView,
  type SubmitKeyChange,
} from '@consilium/shared';
import { DataSource, In, IsNull, MoreThan, Not, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import type { OperatorCaller, SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { readKeyChange } from './key-change.js';
import { Presence } from './presence.js';
import { SiteEntity } from './site.entity.js';

type KeyEnded = (siteId: string) => void;

@Injectable()
export class SitesService {
  readonly #onKeyEnded: KeyEnded[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly presence: Presence,
    private readonly outbox: Outbox,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Called at once when a site's key counts no more: whoever holds a connection that it has opened cuts it. */
  onKeyEnded(listener: KeyEnded): void {
    this.#onKeyEnded.push(listener);
  }

  async list(): Promise<SiteView[]> {
    const sites = await this.dataSource.getRepository(SiteEntity).find({ order: { enrolledAt: 'ASC', name: 'ASC' } });
    const present = await this.presence.present();
    return sites.map((site) => viewOf(site, present.has(site.id)));
  }

  /** Sites that rounds do without until they are back, in the order of their names. */
  async exclusions(): Promise<Exclusion[]> {
    const excluded = { excludedAt: Not(IsNull()), state: 'enrolled' as const };
    const sites = await this.dataSource.getRepository(SiteEntity).find({ where: excluded, order: { name: 'ASC' } });
    return sites.flatMap((site) => exclusionOf(site) ?? []);
  }

  /** Inside the transaction that closes a round. All sites are woken, and find it in their assignment. */
  async exclude(manager: EntityManager, siteIds: string[], because: string): Promise<void> {
    if (siteIds.length === 0) return;
    const change = { excludedAt: this.clock.now(), excludedBecause: because, misses: () => 'misses + 1' };
    await manager.update(SiteEntity, { id: In(siteIds) }, change);
    await this.outbox.add(manager, ...siteIds.map((id) => ({ topic: 'site' as const, subject: id, wakesSites: true })));
  }

  /** Inside the transaction that takes what the site has done: it is back, whatever was before. */
  async prove(manager: EntityManager, siteId: string): Promise<void> {
    const change = { excludedAt: null, excludedBecause: null, misses: 0 };
    const { affected } = await manager.update(SiteEntity, { id: siteId, misses: MoreThan(0) }, change);
    if (affected === 1) await this.outbox.add(manager, { topic: 'site', subject: siteId, wakesSites: true });
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
    await this.#readmit(siteId);
    await this.presence.enter(siteId, socketId);
    return { ok: true };
  }

  isRevoked(id: string): Promise<boolean> {
    return this.dataSource.getRepository(SiteEntity).existsBy({ id, state: 'revoked' });
  }

  async left(siteId: string): Promise<void> {
    await this.#record(siteId, {});
  }

  /** Only against the fingerprint that the site's own people have read out: whoever intercepted the code has another key. */
  async approve(operator: OperatorCaller, id: string, fingerprint: string): Promise<SiteView> {
    const site = await this.dataSource.transaction(async (manager) => {
      const found = await this.#lock(manager, id);
      if (found.state === 'revoked')
        throw new ApiError('conflict', `${found.name} has been revoked; it has to enrol anew.`);
      const expected = spokenFingerprint(found.keyFingerprint);
      if (heardText(fingerprint) !== heardText(expected)) {
        throw new ApiError(
          'fingerprint-differs',
          `${found.name} was not approved: its key has another fingerprint than the one given. If it was read out as it stands on the site's screen, somebody else has used its code: revoke it.`,
        );
      }
      if (found.state === 'enrolled') return found;
      const change = { state: 'enrolled', approvedAt: this.clock.now() } as const;
      await manager.update(SiteEntity, { id }, change);
      await this.outbox.add(manager, { topic: 'site', subject: id });
      const approved = { type: 'site-approved', actor: actorOf(operator), fingerprint: found.keyFingerprint } as const;
      await this.log.append(manager, { ...approved, siteId: id, site: found.name });
      return Object.assign(found, change);
    });
    this.outbox.poke();
    return viewOf(site, false);
  }

  async revoke(operator: OperatorCaller, id: string): Promise<SiteView> {
    const site = await this.dataSource.transaction(async (manager) => {
      const found = await this.#lock(manager, id);
      if (found.state === 'revoked') return found;
      const change = { state: 'revoked', revokedAt: this.clock.now() } as const;
      await manager.update(SiteEntity, { id }, change);
      await this.outbox.add(manager, { topic: 'site', subject: id, wakesSites: true });
      await this.log.append(manager, { type: 'site-revoked', actor: actorOf(operator), siteId: id, site: found.name });
      return Object.assign(found, change);
    });
    this.#keyEnded(id);
    return viewOf(site, false);
  }

  /** In the middle of a round too: what the site has sent stays, what comes next is by the new key. */
  async changeKey({ id }: SiteCaller, submission: SubmitKeyChange): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const site = await this.#lock(manager, id);
      const { former, publicKey } = readKeyChange(site, submission);
      const fingerprint = keyThumbprint(publicKey);
      if (await manager.existsBy(SiteEntity, { keyFingerprint: fingerprint }))
        throw new ApiError(
          'conflict',
          `The key of ${site.name} was not changed: the new one belongs to a site already.`,
        );
      await manager.update(SiteEntity, { id }, { publicKey, keyFingerprint: fingerprint });
      await this.outbox.add(manager, { topic: 'site', subject: id });
      const changed = {
        type: 'site-key-changed',
        actor: actorOf({ kind: 'site', id, name: site.name }),
        site: site.name,
      } as const;
      const { endorsement } = submission;
      await this.log.append(manager, { ...changed, siteId: id, former, publicKey, fingerprint, endorsement });
    });
    this.#keyEnded(id);
  }

  #keyEnded(id: string): void {
    for (const listener of this.#onKeyEnded) listener(id);
    this.outbox.poke();
  }

  async #lock(manager: EntityManager, id: string): Promise<SiteEntity> {
    const site = await manager.findOne(SiteEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!site) throw new ApiError('not-found', 'There is no such site.');
    return site;
  }

  async #record(siteId: string, change: Partial<Pick<SiteEntity, 'software' | 'engine' | 'data'>>): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.update(SiteEntity, { id: siteId }, { ...change, lastSeen: this.clock.now() });
      await this.outbox.add(manager, { topic: 'site', subject: siteId });
    });
    this.outbox.poke();
  }

  /** A site that said hello and then did nothing several times over is taken in again ever later. */
  async #readmit(siteId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const site = await manager.findOneByOrFail(SiteEntity, { id: siteId });
      if (site.excludedAt === null) return;
      if (this.clock.now().getTime() < site.excludedAt.getTime() + pauseAfter(site.misses)) return;
      await manager.update(SiteEntity, { id: siteId }, { excludedAt: null, excludedBecause: null });
      await this.outbox.add(manager, { topic: 'site', subject: siteId, wakesSites: true });
    });
  }
}

/** Milliseconds from an exclusion to the first hello that ends it: none after one miss, then 1, 2, 4 … minutes, at most an hour. */
function pauseAfter(misses: number): number {
  return misses < 2 ? 0 : Math.min(60, 2 ** (misses - 2)) * 60_000;
}

function exclusionOf({ name, excludedAt, excludedBecause }: SiteEntity): Exclusion | null {
  if (excludedAt === null) return null;
  return { site: name, since: excludedAt.toISOString(), sentence: excludedBecause ?? 'No reason was recorded.' };
}

function viewOf(site: SiteEntity, present: boolean): SiteView {
  return {
    id: site.id,
    name: site.name,
    role: site.role,
    state: site.state,
    connected: site.state === 'enrolled' && present,
    lastSeen: site.lastSeen?.toISOString() ?? null,
    software: site.software,
    engine: site.engine,
    data: site.data,
    keyFingerprint: site.keyFingerprint,
    exclusion: exclusionOf(site),
  };
}
