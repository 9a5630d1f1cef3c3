import { Inject, Injectable } from '@nestjs/common';
import type { Progress } from '@consilium/shared';
import { DataSource, In, LessThanOrEqual, type EntityManager } from 'typeorm';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { AWAITED_STATES, ContributionEntity, PHASES } from './contribution.entity.js';
import { lockMembers } from './member-lock.js';
import { COLLECTING_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';

/** More than `done` can be (protocol: Count), so that any step of a later phase is beyond every step of an earlier one. */
const PHASE = 1 << 21;

export interface MemberReport {
  siteId: string;
  progress: Progress;
}

/** How far a report says that a site has come, as one number that grows with its work. */
function markOf({ phase, done }: Progress): number {
  return (PHASES.indexOf(phase) + 1) * PHASE + done;
}

/**
 * A round waits for a member as long as its lease lasts, and only work renews it: a report that repeats an earlier one,
 * or an open socket, shows that a machine is there, not that an update will come.
 */
@Injectable()
export class Leases {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Writes the newest reports of members, at most one of each. Resolves to those that their rounds took. */
  async report(manager: EntityManager, reports: readonly MemberReport[]): Promise<MemberReport[]> {
    await lockMembers(manager, [...new Set(reports.map(({ progress }) => progress.roundId))]);
    const rows = reports.map(({ siteId, progress }) => {
      const { roundId, phase, done, total, metrics } = progress;
      return { round_id: roundId, site_id: siteId, phase, mark: markOf(progress), done, total, metrics };
    });
    const [taken] = await manager.query<[{ round_id: string; site_id: string }[], number]>(
      `UPDATE "contribution" c SET
         "state" = CASE WHEN c."state" = 'lapsed' AND c."furthest" >= n."mark" THEN 'lapsed' ELSE n."phase" END,
         "lease_until" = CASE WHEN c."furthest" >= n."mark" THEN c."lease_until"
           ELSE $2::timestamptz + make_interval(secs => r."lease_seconds") END,
         "furthest" = GREATEST(c."furthest", n."mark"), "done" = n."done", "total" = n."total",
         "metrics" = COALESCE(n."metrics", c."metrics"), "updated_at" = $2
       FROM "round" r, jsonb_to_recordset($1::jsonb)
         AS n("round_id" uuid, "site_id" uuid, "phase" text, "mark" int, "done" int, "total" int, "metrics" jsonb)
       WHERE r."id" = c."round_id" AND c."round_id" = n."round_id" AND c."site_id" = n."site_id"
         AND r."state" = ANY($3) AND c."state" = ANY($4)
       RETURNING c."round_id", c."site_id"`,
      [JSON.stringify(rows), this.clock.now(), COLLECTING_STATES, [...AWAITED_STATES, 'lapsed']],
    );
    const keys = new Set(taken.map((row) => `${row.site_id} ${row.round_id}`));
    return reports.filter(({ siteId, progress }) => keys.has(`${siteId} ${progress.roundId}`));
  }

  /** Members of this round whose lease has run out are not waited for any longer. True where there are such. */
  async lapse(round: RoundEntity): Promise<boolean> {
    const overdue = {
      roundId: round.id,
      state: In(AWAITED_STATES),
      leaseUntil: LessThanOrEqual(this.clock.now()),
    };
    if (!(await this.dataSource.manager.existsBy(ContributionEntity, overdue))) return false;
    const lapsed = await this.dataSource.transaction(async (manager) => {
      await lockMembers(manager, [round.id]);
      const change = { state: 'lapsed', updatedAt: this.clock.now() } as const;
      const { affected } = await manager.update(ContributionEntity, overdue, change);
      if (affected) await this.outbox.add(manager, { topic: 'round', subject: round.id });
      return Boolean(affected);
    });
    if (lapsed) this.outbox.poke();
    return lapsed;
  }

  /** Nobody could report while the server was away: what was lost of a lease meanwhile is given back. */
  async extendAfterStart(): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const collecting = await manager.findBy(RoundEntity, { state: In(COLLECTING_STATES) });
      const roundIds = collecting.map(({ id }) => id);
      await lockMembers(manager, roundIds);
      await manager.query(
        `UPDATE "contribution" c SET
           "lease_until" = GREATEST(c."lease_until", $1::timestamptz + make_interval(secs => r."lease_seconds"))
         FROM "round" r
         WHERE r."id" = c."round_id" AND r."id" = ANY($2) AND c."state" = ANY($3)`,
        [this.clock.now(), roundIds, AWAITED_STATES],
      );
    });
  }
}
