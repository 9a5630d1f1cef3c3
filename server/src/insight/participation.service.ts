import { Injectable } from '@nestjs/common';
import type { Participation } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { ContributionEntity } from '../rounds/contribution.entity.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { UpdateEntity } from '../rounds/update.entity.js';
import { StudyEntity } from '../studies/study.entity.js';

/** How many of a site's rounds are listed. */
const LISTED = 200;

type Row = Omit<Participation, 'openedAt' | 'updatedAt'> & { openedAt: Date | null; updatedAt: Date };

@Injectable()
export class ParticipationService {
  constructor(private readonly dataSource: DataSource) {}

  /** The rounds that a site was a member of, newest first. */
  async of(siteId: string): Promise<Participation[]> {
    const rows = await this.dataSource
      .getRepository(ContributionEntity)
      .createQueryBuilder('member')
      .innerJoin(RoundEntity, 'round', 'round.id = member.round_id')
      .innerJoin(StudyEntity, 'study', 'study.id = round.study_id')
      .leftJoin(UpdateEntity, 'sent', 'sent.round_id = member.round_id AND sent.site_id = member.site_id')
      .select(['study.id AS "studyId"', `study.manifest->>'name' AS "study"`, 'round.id AS "roundId"'])
      .addSelect(['round.number AS "number"', 'round.state AS "roundState"', 'round.opened_at AS "openedAt"'])
      .addSelect(['member.state AS "state"', 'member.refusal AS "refusal"', 'member.updated_at AS "updatedAt"'])
      .addSelect([
        `COALESCE((sent.manifest->>'labelled')::int, member.enrolled_labelled) AS "labelled"`,
        `COALESCE((sent.manifest->>'unlabelled')::int, member.enrolled_unlabelled) AS "unlabelled"`,
        `(sent.manifest->'blob'->>'bytes')::float8 AS "bytes"`,
        `(member.metrics->>'loss')::float8 AS "loss"`,
      ])
      .where('member.site_id = :siteId', { siteId })
      .orderBy('round.opened_at', 'DESC')
      .limit(LISTED)
      .getRawMany<Row>();
    return rows.map((row) => ({
      ...row,
      openedAt: row.openedAt?.toISOString() ?? null,
      updatedAt: row.updatedAt.toISOString(),
    }));
  }
}
