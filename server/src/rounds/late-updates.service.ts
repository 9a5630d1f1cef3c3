import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import type { StudyEntity } from '../studies/study.entity.js';
import { AWAITED_STATES, ContributionEntity } from './contribution.entity.js';
import { COLLECTING_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';

/**
 * Where a study carries late updates, a member that was still at work when its round closed goes on, and what it brings
 * counts as its update for the round that is open by then, if that is at most `staleness` models ahead. It has to be a
 * member of that round too: membership stays as it was when the round opened.
 */
@Injectable()
export class LateUpdates {
  constructor(private readonly dataSource: DataSource) {}

  /** The round that takes what this site has trained for a closed one; null where none does. */
  async receiver(
    study: StudyEntity,
    trained: RoundEntity,
    siteId: string,
    manager: EntityManager = this.dataSource.manager,
  ): Promise<RoundEntity | null> {
    const { late, staleness } = study.manifest.rounds;
    if (late !== 'carry') return null;
    const open = await manager.findOneBy(RoundEntity, { studyId: study.id, state: In(COLLECTING_STATES) });
    if (!open || open.id === trained.id || open.number - trained.number > staleness) return null;
    const expected = { roundId: open.id, siteId, state: In([...AWAITED_STATES, 'lapsed']) };
    return (await manager.existsBy(ContributionEntity, expected)) ? open : null;
  }

  /** Ids of closed rounds for which this site may still send what it has begun, to be taken by the open `round`. */
  async roundsCarriedInto(study: StudyEntity, round: RoundEntity, siteId: string): Promise<string[]> {
    const { late, staleness } = study.manifest.rounds;
    if (late !== 'carry') return [];
    const missed = await this.dataSource
      .getRepository(RoundEntity)
      .createQueryBuilder('round')
      .innerJoin(ContributionEntity, 'own', 'own.round_id = round.id')
      .where('round.study_id = :studyId AND round.id <> :id AND round.number >= :oldest', {
        studyId: study.id,
        id: round.id,
        oldest: round.number - staleness,
      })
      .andWhere(`own.site_id = :siteId AND own.state IN ('missed', 'lapsed')`, { siteId })
      .orderBy({ 'round.number': 'DESC', 'round.attempt': 'DESC' })
      .limit(100)
      .getMany();
    return missed.map(({ id }) => id);
  }
}
