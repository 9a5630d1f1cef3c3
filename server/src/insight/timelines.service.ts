import { Injectable } from '@nestjs/common';
import type { PhaseMark, RoundTimeline } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { ContributionPhaseEntity } from '../rounds/contribution-phase.entity.js';
import { ContributionEntity } from '../rounds/contribution.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import { findRound } from './find.js';
import { grouped } from './grouped.js';

@Injectable()
export class TimelinesService {
  constructor(private readonly dataSource: DataSource) {}

  async of(roundId: string): Promise<RoundTimeline> {
    const round = await findRound(this.dataSource, roundId);
    const members = await this.dataSource
      .getRepository(ContributionEntity)
      .createQueryBuilder('member')
      .innerJoin(SiteEntity, 'site', 'site.id = member.site_id')
      .select(['member.site_id AS "siteId"', 'site.name AS "site"', 'member.state AS "state"'])
      .addSelect(['member.done AS "done"', 'member.total AS "total"', 'member.refusal AS "refusal"'])
      .where('member.round_id = :roundId', { roundId })
      .orderBy('site.name', 'ASC')
      .getRawMany<Omit<RoundTimeline['lanes'][number], 'marks'>>();
    const marks = await this.dataSource
      .getRepository(ContributionPhaseEntity)
      .find({ where: { roundId }, order: { at: 'ASC' } });
    const marksOf = grouped(marks, ({ siteId }) => siteId);
    return {
      roundId,
      number: round.number,
      state: round.state,
      openedAt: round.openedAt?.toISOString() ?? null,
      deadline: round.deadline?.toISOString() ?? null,
      closedAt: round.closedAt?.toISOString() ?? null,
      lanes: members.map((member) => ({ ...member, marks: (marksOf.get(member.siteId) ?? []).map(viewOf) })),
    };
  }
}

function viewOf({ state, at }: ContributionPhaseEntity): PhaseMark {
  return { state, at: at.toISOString() };
}
