import { Injectable } from '@nestjs/common';
import { siteWeights, type RoundSummary } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { EvaluationEntity } from '../models/evaluation.entity.js';
import { ContributionEntity } from '../rounds/contribution.entity.js';
import { RoundEntity } from '../rounds/round.entity.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { AcceptedUpdates, type Accepted } from './accepted-updates.service.js';
import { findStudy } from './find.js';

interface Members {
  roundId: string;
  members: number;
  accepted: number;
  refused: number;
}

/** The rounds of a study without their members, in four queries whatever their number. */
@Injectable()
export class RoundSummariesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accepted: AcceptedUpdates,
  ) {}

  /** In the order in which they were planned. */
  async of(studyId: string): Promise<RoundSummary[]> {
    const study = await findStudy(this.dataSource, studyId);
    const rounds = await this.dataSource
      .getRepository(RoundEntity)
      .find({ where: { studyId }, order: { number: 'ASC', attempt: 'ASC' } });
    const members = new Map((await this.#members(studyId)).map((row) => [row.roundId, row]));
    const updates = await this.accepted.byRound(studyId);
    const dice = await this.#dice(studyId);
    return rounds.map((round) => {
      const own = updates.get(round.id) ?? [];
      const { members: all = 0, accepted = 0, refused = 0 } = members.get(round.id) ?? {};
      return {
        ...columnsOf(round),
        members: all,
        accepted,
        refused,
        dice: (round.resultDigest !== null && dice.get(round.resultDigest)) || null,
        loss: lossOf(own, study, round.number),
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    });
  }

  #members(studyId: string): Promise<Members[]> {
    return this.dataSource
      .getRepository(ContributionEntity)
      .createQueryBuilder('member')
      .innerJoin(RoundEntity, 'round', 'round.id = member.round_id')
      .select(['member.round_id AS "roundId"', 'count(*)::int AS "members"'])
      .addSelect([
        `(count(*) FILTER (WHERE member.state = 'accepted'))::int AS "accepted"`,
        `(count(*) FILTER (WHERE member.state = 'refused'))::int AS "refused"`,
      ])
      .where('round.study_id = :studyId', { studyId })
      .groupBy('member.round_id')
      .getRawMany();
  }

  /** By digest of the model; means over volumes. */
  async #dice(studyId: string): Promise<Map<string, number>> {
    const rows = await this.dataSource
      .getRepository(EvaluationEntity)
      .createQueryBuilder('evaluation')
      .select(['evaluation.model_digest AS "digest"', 'sum(dice * volumes) / sum(volumes) AS "dice"'])
      .where('evaluation.study_id = :studyId', { studyId })
      .groupBy('evaluation.model_digest')
      .getRawMany<{ digest: string; dice: number }>();
    return new Map(rows.map(({ digest, dice }) => [digest, dice]));
  }
}

function columnsOf(
  round: RoundEntity,
): Omit<RoundSummary, 'members' | 'accepted' | 'refused' | 'dice' | 'loss' | 'bytes'> {
  const { resultDigest, resultBytes } = round;
  return {
    id: round.id,
    studyId: round.studyId,
    number: round.number,
    state: round.state,
    base: round.baseDigest,
    result: resultDigest !== null && resultBytes !== null ? { digest: resultDigest, bytes: resultBytes } : null,
    openedAt: round.openedAt?.toISOString() ?? null,
    deadline: round.deadline?.toISOString() ?? null,
    closedAt: round.closedAt?.toISOString() ?? null,
    reason: round.reason,
    quorum: round.quorum,
  };
}

function lossOf(updates: readonly Accepted[], { manifest }: StudyEntity, number: number): number | null {
  const weights = siteWeights(updates, manifest.aggregation, number);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total === 0 ? null : updates.reduce((sum, { metrics }, i) => sum + metrics.loss * weights[i], 0) / total;
}
