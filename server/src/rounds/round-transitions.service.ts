import { Inject, Injectable } from '@nestjs/common';
import type { Refusal } from '@consilium/shared';
import { DataSource, In, LessThanOrEqual, type EntityManager } from 'typeorm';
import { afterCommit } from '../database/after-commit.js';
import { ModelsService } from '../models/models.service.js';
import type { Traces } from '../observability/traces.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, TRACES, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { SitesService } from '../sites/sites.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { studyAfter } from '../studies/study-state.js';
import { lockStudy } from '../studies/studies.service.js';
import { AWAITED_STATES, ContributionEntity, type ContributionState } from './contribution.entity.js';
import { lockMembers } from './member-lock.js';
import { transitionSpans } from './round-spans.js';
import { RoundLog } from './round-log.js';
import { RoundEntity } from './round.entity.js';
import { columnsOf, statusOf } from './round-row.js';
import { transition, type RoundEvent, type RoundStatus, type Tally } from './round-state.js';
import { UpdateEntity } from './update.entity.js';

/** Rounds that may be aborted in a row before the server stops opening new ones. */
const MAXIMUM_ABORTS = 3;

interface Step {
  study: StudyEntity;
  round: RoundEntity;
  before: RoundStatus;
  after: RoundStatus;
  event: RoundEvent;
}

/** Writes what the transition function decides, with everything that follows from it, in one transaction. */
@Injectable()
export class RoundTransitions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly sites: SitesService,
    private readonly outbox: Outbox,
    private readonly roundLog: RoundLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(TRACES) private readonly traces: Traces,
  ) {}

  /** `eventOf` sees the round as it is under the study's lock; null leaves it so. True where the round has changed. */
  async apply(round: RoundEntity, eventOf: (tally: Tally) => RoundEvent | null): Promise<boolean> {
    const changed = await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, round.studyId);
      const current = await manager.findOneByOrFail(RoundEntity, { id: round.id });
      const event = eventOf(await tallyOf(manager, study, current));
      return event !== null && (await this.applyLocked(manager, study, current, event));
    });
    if (changed) this.outbox.poke();
    return changed;
  }

  /** Inside a transaction that holds the study's lock. */
  async applyLocked(
    manager: EntityManager,
    study: StudyEntity,
    round: RoundEntity,
    event: RoundEvent,
  ): Promise<boolean> {
    const before = statusOf(round);
    const after = transition(before, event);
    if (after === null) return false;
    await manager.update(RoundEntity, { id: round.id }, columnsOf(after));
    if (after.state !== before.state) await this.#follow(manager, { study, round, before, after, event });
    // The first update of a round is nothing to the other sites, and with many of them each look is a load.
    const wakesSites = after.state !== before.state && after.state !== 'collecting';
    await this.outbox.add(manager, { topic: 'round', subject: round.id, wakesSites });
    if (after.state !== before.state) {
      await this.roundLog.changed(manager, { study, round, after, event });
      const spans = transitionSpans({ study, round, before, after, at: this.clock.now() });
      afterCommit(manager, () => spans.forEach((span) => this.traces.record(span)));
    }
    return true;
  }

  async #follow(manager: EntityManager, { study, round, before, after, event }: Step): Promise<void> {
    const closes = before.state === 'open' || before.state === 'collecting';
    if (closes && after.state !== 'collecting') await this.#markMissing(manager, round, event);
    if (after.state === 'aborted' && event.type !== 'stopped') await this.#countAbort(manager, study, after.reason);
    if (after.state !== 'committed') return;
    const optimiser = event.type === 'aggregated' ? event.optimiser : null;
    const version = { studyId: study.id, version: round.number, roundId: round.id, blob: after.result, optimiser };
    await this.models.add(manager, version);
    const finished = round.number >= study.manifest.rounds.count ? studyAfter(study.state, 'finish') : null;
    await manager.update(StudyEntity, { id: study.id }, { abortsInARow: 0, ...(finished && { state: finished }) });
    await this.outbox.add(manager, { topic: 'model', subject: study.id, wakesSites: true });
    if (finished) await this.outbox.add(manager, { topic: 'study', subject: study.id, wakesSites: true });
  }

  async #markMissing(manager: EntityManager, round: RoundEntity, event: RoundEvent): Promise<void> {
    await lockMembers(manager, [round.id]);
    const undecided = { roundId: round.id, state: 'quarantined' as const };
    await manager.update(UpdateEntity, undecided, { state: 'refused' });
    await manager.update(ContributionEntity, undecided, {
      state: 'refused',
      refusal: NOT_DECIDED,
      updatedAt: this.clock.now(),
    });
    // Who was working when a person stopped the study is not to blame for it.
    if (event.type !== 'stopped') await this.#excludeDead(manager, round);
    const unanswered = { roundId: round.id, state: In(AWAITED_STATES) };
    await manager.update(ContributionEntity, unanswered, { state: 'missed', updatedAt: this.clock.now() });
  }

  /** Dead is who let its lease run out; who is merely slow is invited again. */
  async #excludeDead(manager: EntityManager, round: RoundEntity): Promise<void> {
    const roundId = round.id;
    const dead = await manager.find(ContributionEntity, {
      select: { siteId: true },
      where: [
        { roundId, state: 'lapsed' },
        { roundId, state: In(AWAITED_STATES), leaseUntil: LessThanOrEqual(this.clock.now()) },
      ],
    });
    const because = `It made no progress in round ${round.number}: it is invited again once it is back.`;
    await this.sites.exclude(
      manager,
      dead.map(({ siteId }) => siteId),
      because,
    );
  }

  async #countAbort(manager: EntityManager, study: StudyEntity, reason: string): Promise<void> {
    const abortsInARow = study.abortsInARow + 1;
    const paused = abortsInARow >= MAXIMUM_ABORTS ? studyAfter(study.state, 'give-up') : null;
    const explained = `${abortsInARow} rounds in a row were aborted; the last: ${reason}`;
    await manager.update(
      StudyEntity,
      { id: study.id },
      { abortsInARow, ...(paused && { state: paused, reason: explained }) },
    );
    if (paused) await this.outbox.add(manager, { topic: 'study', subject: study.id, wakesSites: true });
  }
}

const NOT_DECIDED: Refusal = {
  reason: 'not-decided-in-time',
  sentence: 'The update stood out from the others of its round, and nobody released it before the deadline.',
};

export async function tallyOf(manager: EntityManager, study: StudyEntity, round: RoundEntity): Promise<Tally> {
  const rows: { state: ContributionState; sites: number; labelled: number }[] = await manager
    .createQueryBuilder(ContributionEntity, 'contribution')
    .select('contribution.state', 'state')
    .addSelect('count(*)::int', 'sites')
    .addSelect('sum(contribution.enrolled_labelled)::int', 'labelled')
    .where('contribution.round_id = :id', round)
    .groupBy('contribution.state')
    .getRawMany();
  const of = (state: ContributionState) => rows.find((row) => row.state === state);
  const { required, quorumShare } = study.manifest.rounds;
  return {
    members: rows.reduce((sum, { sites }) => sum + sites, 0),
    accepted: of('accepted')?.sites ?? 0,
    refused: of('refused')?.sites ?? 0,
    lapsed: of('lapsed')?.sites ?? 0,
    quorum: round.quorum,
    labelled: rows.reduce((sum, { labelled }) => sum + labelled, 0),
    labelledAccepted: of('accepted')?.labelled ?? 0,
    quorumShare,
    requiredMissing: required.length === 0 ? [] : await requiredMissing(manager, round, required),
  };
}

async function requiredMissing(manager: EntityManager, round: RoundEntity, required: string[]): Promise<string[]> {
  const accepted = await manager
    .createQueryBuilder(ContributionEntity, 'contribution')
    .innerJoin(SiteEntity, 'site', 'site.id = contribution.site_id')
    .select('site.name', 'name')
    .where({ roundId: round.id, state: 'accepted' })
    .getRawMany<{ name: string }>();
  return required.filter((name) => !accepted.some((site) => site.name === name));
}
