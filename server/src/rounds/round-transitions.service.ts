import { Inject, Injectable } from '@nestjs/common';
import { DataSource, In, Not, type EntityManager } from 'typeorm';
import { ModelsService } from '../models/models.service.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { StudyEntity } from '../studies/study.entity.js';
import { studyAfter } from '../studies/study-state.js';
import { lockStudy } from '../studies/studies.service.js';
import { ContributionEntity } from './contribution.entity.js';
import { RoundEntity } from './round.entity.js';
import { columnsOf, statusOf } from './round-row.js';
import { transition, type RoundEvent, type RoundStatus, type Tally } from './round-state.js';

/** Rounds that may be aborted in a row before the server stops opening new ones. */
const MAXIMUM_ABORTS = 3;

/** Writes what the transition function decides, with everything that follows from it, in one transaction. */
@Injectable()
export class RoundTransitions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** `eventOf` sees the round as it is under the study's lock; null leaves it so. True where the round has changed. */
  async apply(round: RoundEntity, eventOf: (tally: Tally) => RoundEvent | null): Promise<boolean> {
    const changed = await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, round.studyId);
      const current = await manager.findOneByOrFail(RoundEntity, { id: round.id });
      const event = eventOf(await tallyOf(manager, current));
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
    if (after.state !== before.state) await this.#follow(manager, study, round, after, event);
    await this.outbox.add(manager, { topic: 'round', subject: round.id, wakesSites: after.state !== before.state });
    return true;
  }

  async #follow(
    manager: EntityManager,
    study: StudyEntity,
    round: RoundEntity,
    after: RoundStatus,
    event: RoundEvent,
  ): Promise<void> {
    if (after.state === 'aggregating' || after.state === 'aborted') await this.#markMissing(manager, round);
    if (after.state === 'aborted' && event.type !== 'stopped') await this.#countAbort(manager, study, after.reason);
    if (after.state !== 'committed') return;
    const version = { studyId: study.id, version: round.number, roundId: round.id, blob: after.result };
    await this.models.add(manager, version);
    const finished = round.number >= study.manifest.rounds.count ? studyAfter(study.state, 'finish') : null;
    await manager.update(StudyEntity, { id: study.id }, { abortsInARow: 0, ...(finished && { state: finished }) });
    await this.outbox.add(manager, { topic: 'model', subject: study.id, wakesSites: true });
    if (finished) await this.outbox.add(manager, { topic: 'study', subject: study.id, wakesSites: true });
  }

  async #markMissing(manager: EntityManager, round: RoundEntity): Promise<void> {
    const unanswered = { roundId: round.id, state: Not(In(['accepted', 'refused'])) };
    await manager.update(ContributionEntity, unanswered, { state: 'missed', updatedAt: this.clock.now() });
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

export async function tallyOf(manager: EntityManager, round: RoundEntity): Promise<Tally> {
  const contributions = await manager.findBy(ContributionEntity, { roundId: round.id });
  const count = (state: string): number => contributions.filter((contribution) => contribution.state === state).length;
  return {
    members: contributions.length,
    accepted: count('accepted'),
    refused: count('refused'),
    quorum: round.quorum,
  };
}
