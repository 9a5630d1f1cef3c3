import { Inject, Injectable } from '@nestjs/common';
import type { LeaveRound, Refusal } from '@consilium/shared';
import { DataSource, In, type EntityManager } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { ConsentEntity } from '../studies/consent.entity.js';
import { lockStudy } from '../studies/studies.service.js';
import { AWAITED_STATES, ContributionEntity } from './contribution.entity.js';
import { RoundLog } from './round-log.js';
import { COLLECTING_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';

/** Members that will not answer, and are known not to: their round does not wait for them. */
const LEAVING_STATES = [...AWAITED_STATES, 'lapsed' as const];

const SENTENCES: Record<LeaveRound['reason'], string> = {
  'stopped-at-site': "The site's own gate stopped the update: its egress log says why.",
  'failed-at-site': 'The site tried several times and could not make an update: its log says why.',
};

@Injectable()
export class Departures {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly roundLog: RoundLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A member's own word that it sends nothing. From a site that is not waited for it changes nothing. */
  async leave(site: SiteCaller, roundId: string, reason: LeaveRound['reason']): Promise<void> {
    const round = await this.dataSource.getRepository(RoundEntity).findOneBy({ id: roundId });
    if (!round || !(await this.dataSource.manager.existsBy(ContributionEntity, { roundId, siteId: site.id })))
      throw new ApiError('not-found', `There is no such round with ${site.name} as a member.`);
    await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, round.studyId);
      if (!(await this.#markGone(manager, round, [site.id], { reason, sentence: SENTENCES[reason] }))) return;
      await this.roundLog.left(manager, { study, round, site, reason });
    });
    this.outbox.poke();
  }

  /** Members that have withdrawn their consent since the round opened; what they had sent before stays. True where there are such. */
  async dismissUnwilling(round: RoundEntity): Promise<boolean> {
    const unwilling = await this.#unwilling(round);
    if (unwilling.length === 0) return false;
    const sentence = 'The site has withdrawn its consent to the study.';
    const gone = await this.dataSource.transaction(async (manager) => {
      await lockStudy(manager, round.studyId);
      return this.#markGone(manager, round, unwilling, { reason: 'no-consent', sentence });
    });
    if (gone) this.outbox.poke();
    return gone;
  }

  async #unwilling(round: RoundEntity): Promise<string[]> {
    const rows = await this.dataSource
      .getRepository(ContributionEntity)
      .createQueryBuilder('member')
      .select('member.site_id', 'siteId')
      .leftJoin(
        ConsentEntity,
        'consent',
        `consent.study_id = :studyId AND consent.site_id = member.site_id AND consent.decision = 'given'`,
        { studyId: round.studyId },
      )
      .where('member.round_id = :id AND member.state IN (:...states) AND consent.site_id IS NULL', {
        id: round.id,
        states: LEAVING_STATES,
      })
      .getRawMany<{ siteId: string }>();
    return rows.map(({ siteId }) => siteId);
  }

  async #markGone(manager: EntityManager, round: RoundEntity, siteIds: string[], refusal: Refusal): Promise<boolean> {
    const { state } = await manager.findOneByOrFail(RoundEntity, { id: round.id });
    if (!COLLECTING_STATES.includes(state)) return false;
    const leaving = { roundId: round.id, siteId: In(siteIds), state: In(LEAVING_STATES) };
    const change = { state: 'refused', refusal, updatedAt: this.clock.now() } as const;
    const { affected } = await manager.update(ContributionEntity, leaving, change);
    if (!affected) return false;
    await this.outbox.add(manager, { topic: 'round', subject: round.id });
    return true;
  }
}
