import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Acknowledgement, MetricPoint, Progress } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';
import { LateUpdates } from './late-updates.service.js';
import { Leases, type MemberReport } from './leases.service.js';
import { MetricPointEntity } from './metric-point.entity.js';
import { RoundEntity } from './round.entity.js';

/** Milliseconds from one write to the next: what arrives meanwhile is written together. */
const INTERVAL = 200;
/** Reports of one site that wait at most; of a site that sends more within an interval the oldest are lost. */
const WAITING_AT_MOST = 2000;

/** What a site has reported of one phase of a round and is not yet written, oldest first. */
interface Waiting {
  siteId: string;
  roundId: string;
  phase: Progress['phase'];
  reports: Progress[];
  written: Promise<boolean>;
  settle: { resolve(taken: boolean): void; reject(error: unknown): void };
}

/** What nodes say of their work. However many say how much, it costs five transactions a second. */
@Injectable()
export class ProgressService {
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly leases: Leases,
    private readonly late: LateUpdates,
    private readonly outbox: Outbox,
  ) {}

  /** Resolves once the report is written. */
  async report(site: SiteCaller, progress: Progress): Promise<Acknowledgement> {
    const { written, reports } = this.#waitingOf(site.id, progress);
    reports.push(progress);
    if (reports.length > WAITING_AT_MOST) reports.shift();
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
    if (await written) return { ok: true };
    return {
      ok: false,
      sentence: 'The round does not wait for this site: it is closed, or the site has answered or is no member.',
    };
  }

  /** Resolves once nothing waits to be written; call before the database closes. */
  async settle(): Promise<void> {
    await this.#writing;
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

  #waitingOf(siteId: string, { roundId, phase }: Progress): Waiting {
    const same = this.#waiting.find((own) => keyOf(own) === `${siteId} ${roundId}` && own.phase === phase);
    if (same) return same;
    let settle!: Waiting['settle'];
    const written = new Promise<boolean>((resolve, reject) => (settle = { resolve, reject }));
    const waiting = { siteId, roundId, phase, reports: [], written, settle };
    this.#waiting.push(waiting);
    return waiting;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      try {
        const taken = new Set(await this.#write(batch));
        for (const one of batch) one.settle.resolve(taken.has(one) || (await this.#writeForAnother(one)));
        this.outbox.poke();
      } catch (error) {
        for (const { settle } of batch) settle.reject(error);
      }
      await sleep(INTERVAL);
    }
  }

  /** One phase of each site: that it went through the next one as well shows on the timeline. */
  #next(): Waiting[] {
    const batch = new Map<string, Waiting>();
    for (const waiting of this.#waiting) if (!batch.has(keyOf(waiting))) batch.set(keyOf(waiting), waiting);
    this.#waiting = this.#waiting.filter((waiting) => batch.get(keyOf(waiting)) !== waiting);
    return [...batch.values()];
  }

  /** Resolves to what its rounds took. */
  #write(batch: readonly Waiting[]): Promise<Waiting[]> {
    return this.dataSource.transaction(async (manager) => {
      const newest = new Map(batch.map((one) => [{ siteId: one.siteId, progress: one.reports.at(-1)! }, one]));
      const taken = (await this.leases.report(manager, [...newest.keys()])).map((report) => newest.get(report)!);
      const points = taken.flatMap(({ siteId, reports }) => reports.map((progress) => ({ siteId, progress })));
      await this.#writePoints(manager, points);
      const rounds = new Set(taken.map(({ roundId }) => roundId));
      await this.outbox.add(manager, ...[...rounds].map((subject) => ({ topic: 'round' as const, subject })));
      return taken;
    });
  }

  /** Where a round is closed, another may wait for what the site still does for it. */
  async #writeForAnother(waiting: Waiting): Promise<boolean> {
    const roundId = await this.#receiver(waiting.roundId, waiting.siteId);
    if (roundId === null) return false;
    const reports = waiting.reports.map((progress) => ({ ...progress, roundId }));
    return (await this.#write([{ ...waiting, roundId, reports }])).length > 0;
  }

  /** A round has as many points of a site as steps, whatever the site sends; a repeated one changes nothing. */
  async #writePoints(manager: EntityManager, reports: readonly MemberReport[]): Promise<void> {
    const rows = reports
      .filter(({ progress }) => progress.phase === 'training' && progress.metrics !== null)
      .map(({ siteId, progress: { roundId, done, metrics } }) => ({
        round_id: roundId,
        site_id: siteId,
        step: done,
        metrics,
      }));
    if (rows.length === 0) return;
    await manager.query(
      `INSERT INTO "metric_point" ("round_id", "site_id", "step", "metrics")
       SELECT n."round_id", n."site_id", n."step", n."metrics"
       FROM jsonb_to_recordset($1::jsonb) AS n("round_id" uuid, "site_id" uuid, "step" int, "metrics" jsonb)
       JOIN "round" r ON r."id" = n."round_id" JOIN "study" s ON s."id" = r."study_id"
       WHERE n."step" <= (s."manifest"->'rounds'->>'localSteps')::int
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(rows)],
    );
  }

  /** The open round that waits for what this site still does for a closed one. */
  async #receiver(roundId: string, siteId: string): Promise<string | null> {
    const { manager } = this.dataSource;
    const trained = await manager.findOneBy(RoundEntity, { id: roundId });
    if (!trained) return null;
    const study = await manager.findOneByOrFail(StudyEntity, { id: trained.studyId });
    return (await this.late.receiver(study, trained, siteId, manager))?.id ?? null;
  }
}

function keyOf({ siteId, roundId }: Pick<Waiting, 'siteId' | 'roundId'>): string {
  return `${siteId} ${roundId}`;
}
