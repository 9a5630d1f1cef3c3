import { Inject, Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager } from 'typeorm';
import { ModelsService } from '../models/models.service.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { Presence } from '../sites/presence.js';
import { SiteEntity } from '../sites/site.entity.js';
import { lockStudy } from '../studies/studies.service.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { ACTIVE_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';

@Injectable()
export class RoundOpening {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly presence: Presence,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Opens the study's next round if it is due and enough trainers are connected; they are its members for good. */
  async openIfDue({ id: studyId, manifest }: StudyEntity): Promise<boolean> {
    const needed = Math.max(manifest.rounds.minimumSites, manifest.rounds.quorum);
    if (this.presence.present().length < needed) return false;
    const opened = await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, studyId);
      if (study.state !== 'running') return false;
      if (await manager.existsBy(RoundEntity, { studyId, state: In(ACTIVE_STATES) })) return false;
      const members = await this.#trainersPresent(manager);
      if (members.length < needed) return false;
      await this.#open(manager, study, members);
      return true;
    });
    if (opened) this.outbox.poke();
    return opened;
  }

  async #trainersPresent(manager: EntityManager): Promise<SiteEntity[]> {
    const where = { id: In(this.presence.present()), role: 'trainer' as const, state: 'enrolled' as const };
    const sites = await manager.find(SiteEntity, { where, order: { name: 'ASC' } });
    return sites.filter(({ data }) => data !== null && data.labelled + data.unlabelled > 0);
  }

  async #open(manager: EntityManager, study: StudyEntity, members: SiteEntity[]): Promise<void> {
    const base = await this.models.newest(study.id, manager);
    const number = base.version + 1;
    const now = this.clock.now();
    const { quorum, deadlineSeconds, localSteps } = study.manifest.rounds;
    const id = this.ids.uuid();
    await manager.insert(RoundEntity, {
      id,
      studyId: study.id,
      number,
      attempt: (await manager.countBy(RoundEntity, { studyId: study.id, number })) + 1,
      state: 'open',
      baseDigest: base.blobDigest,
      baseBytes: base.blobBytes,
      quorum,
      openedAt: now,
      deadline: new Date(now.getTime() + deadlineSeconds * 1000),
    });
    await manager.insert(
      ContributionEntity,
      members.map(({ id: siteId, data }) => ({
        roundId: id,
        siteId,
        state: 'invited' as const,
        done: 0,
        total: localSteps,
        enrolledLabelled: data!.labelled,
        enrolledUnlabelled: data!.unlabelled,
        updatedAt: now,
      })),
    );
    await this.outbox.add(manager, { topic: 'round', subject: id, wakesSites: true });
  }
}
