import { Injectable } from '@nestjs/common';
import type { Assignment, StudyState } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { Checkpoints } from '../audit/checkpoints.js';
import type { SiteCaller } from '../identity/caller.js';
import { ModelsService, viewOf } from '../models/models.service.js';
import { SitesService } from '../sites/sites.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { StudyOffers } from '../studies/study-offers.js';
import { ContributionEntity } from './contribution.entity.js';
import { LateUpdates } from './late-updates.service.js';
import { COLLECTING_STATES, openingOf } from './round-row.js';
import { RoundEntity } from './round.entity.js';

const precedence: StudyState[] = ['running', 'paused', 'finished', 'stopped'];

@Injectable()
export class AssignmentsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly sites: SitesService,
    private readonly late: LateUpdates,
    private readonly checkpoints: Checkpoints,
    private readonly offers: StudyOffers,
  ) {}

  /** The running study, else a paused one, else the one that was started last: its final model is still to be measured. */
  async of(site: SiteCaller): Promise<Assignment> {
    const studies = await this.dataSource.getRepository(StudyEntity).find({
      where: { state: In(precedence) },
      order: { startedAt: { direction: 'DESC', nulls: 'LAST' }, createdAt: 'DESC' },
    });
    const study = studies
      .filter(({ startedAt }) => startedAt !== null)
      .sort((a, b) => rank(a) - rank(b))
      .at(0);
    const offers = await this.offers.of(site.id);
    const exclusions = await this.sites.exclusions();
    const round = study ? await this.#roundOf(site, study) : null;
    // After the round was read, so that its opening is in it.
    const { note: checkpoint } = await this.checkpoints.newest();
    if (!study) return { offers, study: null, model: null, round, exclusions, finished: false, checkpoint };
    return {
      offers,
      study: { id: study.id, digest: study.digest, manifest: study.manifest },
      model: viewOf(await this.models.newest(study.id)),
      round,
      exclusions,
      finished: study.state === 'finished' || study.state === 'stopped',
      checkpoint,
    };
  }

  async #roundOf(site: SiteCaller, study: StudyEntity): Promise<Assignment['round']> {
    const round = await this.dataSource
      .getRepository(RoundEntity)
      .findOneBy({ studyId: study.id, state: In(COLLECTING_STATES) });
    if (!round) return null;
    const contribution = await this.dataSource
      .getRepository(ContributionEntity)
      .findOneBy({ roundId: round.id, siteId: site.id });
    if (!contribution || ['accepted', 'quarantined', 'refused', 'missed'].includes(contribution.state)) return null;
    return {
      id: round.id,
      number: round.number,
      base: { digest: round.baseDigest, bytes: round.baseBytes },
      deadline: openingOf(round).deadline.toISOString(),
      late: await this.late.roundsCarriedInto(study, round, site.id),
    };
  }
}

function rank(study: StudyEntity): number {
  return study.state === 'running' ? 0 : study.state === 'paused' ? 1 : 2;
}
