import { Inject, Injectable } from '@nestjs/common';
import type { Progress } from '@consilium/shared';
import { DataSource, In, LessThanOrEqual, type EntityManager } from 'typeorm';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { AWAITED_STATES, ContributionEntity, PHASES } from './contribution.entity.js';
import { COLLECTING_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';

/** More than `done` can be (protocol: Count), so that any step of a later phase is beyond every step of an earlier one. */
const PHASE = 1 << 21;

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

  /** Writes a member's report. False where its round does not take any from it. */
  async report(manager: EntityManager, siteId: string, progress: Progress): Promise<boolean> {
    const { roundId, phase, done, total, metrics } = progress;
    const mark = markOf(progress);
    const [, affected] = await manager.query<[unknown, number]>(
      `UPDATE "contribution" c SET
         "state" = CASE WHEN c."state" = 'lapsed' AND c."furthest" >= $3 THEN 'lapsed' ELSE $4 END,
         "lease_until" = CASE WHEN c."furthest" >= $3 THEN c."lease_until"
           ELSE $5::timestamptz + make_interval(secs => r."lease_seconds") END,
         "furthest" = GREATEST(c."furthest", $3), "done" = $6, "total" = $7,
         "metrics" = COALESCE($8::jsonb, c."metrics"), "updated_at" = $5
       FROM "round" r
       WHERE r."id" = c."round_id" AND c."round_id" = $1 AND c."site_id" = $2
         AND r."state" = ANY($9) AND c."state" = ANY($10)`,
      [
        roundId,
        siteId,
        mark,
        phase,
        this.clock.now(),
        done,
        total,
        metrics && JSON.stringify(metrics),
        COLLECTING_STATES,
        [...AWAITED_STATES, 'lapsed'],
      ],
    );
    return affected === 1;
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
    await this.dataSource.manager.query(
      `UPDATE "contribution" c SET
         "lease_until" = GREATEST(c."lease_until", $1::timestamptz + make_interval(secs => r."lease_seconds"))
       FROM "round" r
       WHERE r."id" = c."round_id" AND r."state" = ANY($2) AND c."state" = ANY($3)`,
      [this.clock.now(), COLLECTING_STATES, AWAITED_STATES],
    );
  }
}
