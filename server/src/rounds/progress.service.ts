import { Inject, Injectable } from '@nestjs/common';
import type { Acknowledgement, MetricPoint, Progress } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';
import { LateUpdates } from './late-updates.service.js';
import { Leases } from './leases.service.js';
import { MetricPointEntity } from './metric-point.entity.js';
import { RoundEntity } from './round.entity.js';

/** Milliseconds between two writes for one site, unless its phase changes. */
const INTERVAL = 1000;
/** Reports that wait to be written together at most; a site that sends more of them within a second loses the oldest points. */
const WAITING_AT_MOST = 2000;

interface Reported {
  siteId: string;
  phase: Progress['phase'];
  writtenAt: number;
  /** Not yet written, by step; the newest is the site's progress. */
  waiting: Progress[];
}

/** What nodes say of their work. Many reports a second cost one transaction a second. */
@Injectable()
export class ProgressService {
  readonly #reported = new Map<string, Reported>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly leases: Leases,
    private readonly late: LateUpdates,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async report(site: SiteCaller, progress: Progress): Promise<Acknowledgement> {
    const now = this.clock.now().getTime();
    const key = `${site.id} ${progress.roundId}`;
    const last = this.#reported.get(key);
    if (last && last.phase === progress.phase && now - last.writtenAt < INTERVAL) {
      last.waiting.push(progress);
      if (last.waiting.length > WAITING_AT_MOST) last.waiting.shift();
      return { ok: true };
    }
    const waiting = [...(last?.waiting ?? []), progress];
    this.#reported.set(key, { siteId: site.id, phase: progress.phase, writtenAt: now, waiting: [] });
    if (await this.#write(site.id, waiting)) return { ok: true };
    return {
      ok: false,
      sentence: 'The round does not wait for this site: it is closed, or the site has answered or is no member.',
    };
  }

  /** Writes what has waited long enough; called by the process's ticker. */
  async flush(): Promise<void> {
    const now = this.clock.now().getTime();
    for (const [key, reported] of [...this.#reported]) {
      if (now - reported.writtenAt < INTERVAL) continue;
      if (reported.waiting.length > 0) {
        const waiting = reported.waiting.splice(0);
        reported.writtenAt = now;
        await this.#write(reported.siteId, waiting);
      } else if (now - reported.writtenAt > 60_000) this.#reported.delete(key);
    }
  }

  /** Of one round, in the order of sites' names and of steps. */
  async metrics(roundId: string): Promise<MetricPoint[]> {
    return this.dataSource
      .getRepository(MetricPointEntity)
      .createQueryBuilder('point')
      .innerJoin(SiteEntity, 'site', 'site.id = point.site_id')
      .select(['site.name AS site', 'point.step AS step', 'point.metrics AS metrics'])
      .where('point.round_id = :roundId', { roundId })
      .orderBy({ 'site.name': 'ASC', 'point.step': 'ASC' })
      .getRawMany<MetricPoint>();
  }

  async #write(siteId: string, reports: Progress[]): Promise<boolean> {
    const newest = reports.at(-1)!;
    const written = await this.dataSource.transaction(async (manager) => {
      let { roundId } = newest;
      if (!(await this.leases.report(manager, siteId, newest))) {
        const receiver = await this.#receiver(manager, roundId, siteId);
        if (receiver === null || !(await this.leases.report(manager, siteId, { ...newest, roundId: receiver })))
          return false;
        roundId = receiver;
      }
      await this.#writePoints(manager, roundId, siteId, reports);
      await this.outbox.add(manager, { topic: 'round', subject: roundId });
      return true;
    });
    if (written) this.outbox.poke();
    return written;
  }

  /** A round has as many points of a site as steps, whatever the site sends; a repeated one changes nothing. */
  async #writePoints(manager: EntityManager, roundId: string, siteId: string, reports: Progress[]): Promise<void> {
    const training = reports.filter(({ phase, metrics }) => phase === 'training' && metrics !== null);
    if (training.length === 0) return;
    const { studyId } = await manager.findOneByOrFail(RoundEntity, { id: roundId });
    const { localSteps } = (await manager.findOneByOrFail(StudyEntity, { id: studyId })).manifest.rounds;
    const points = new Map(
      training.filter(({ done }) => done <= localSteps).map(({ done, metrics }) => [done, metrics!]),
    );
    const rows = [...points].map(([step, metrics]) => ({ roundId, siteId, step, metrics }));
    await manager.createQueryBuilder().insert().into(MetricPointEntity).values(rows).orIgnore().execute();
  }

  /** The open round that waits for what this site still does for a closed one. */
  async #receiver(manager: EntityManager, roundId: string, siteId: string): Promise<string | null> {
    const trained = await manager.findOneBy(RoundEntity, { id: roundId });
    if (!trained) return null;
    const study = await manager.findOneByOrFail(StudyEntity, { id: trained.studyId });
    return (await this.late.receiver(study, trained, siteId, manager))?.id ?? null;
  }
}
