import { Inject, Injectable } from '@nestjs/common';
import { DataSource, In, IsNull, type EntityManager } from 'typeorm';
import { ModelsService } from '../models/models.service.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { Presence } from '../sites/presence.js';
import { SiteEntity } from '../sites/site.entity.js';
import { consentingSites } from '../studies/consents.service.js';
import { lockStudy } from '../studies/studies.service.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { ACTIVE_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';
import { RoundTransitions } from './round-transitions.service.js';

/** Plans a study's next round on its newest model, and opens it once the sites that it needs are there and willing. */
@Injectable()
export class RoundOpening {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly transitions: RoundTransitions,
    private readonly presence: Presence,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** True where a round was planned: a running study has one under way at any time. */
  async planIfDue({ id: studyId }: StudyEntity): Promise<boolean> {
    const planned = await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, studyId);
      if (study.state !== 'running') return false;
      if (await manager.existsBy(RoundEntity, { studyId, state: In(ACTIVE_STATES) })) return false;
      await this.#plan(manager, study);
      return true;
    });
    if (planned) this.outbox.poke();
    return planned;
  }

  /** Trainers that are connected, have consented and are not excluded become the round's members for good. */
  async openIfDue(study: StudyEntity, round: RoundEntity): Promise<boolean> {
    if (study.state !== 'running' || (await this.#wanting(this.dataSource.manager, study)) !== null) return false;
    const opened = await this.dataSource.transaction(async (manager) => {
      const locked = await lockStudy(manager, study.id);
      const current = await manager.findOneByOrFail(RoundEntity, { id: round.id });
      if (locked.state !== 'running' || current.state !== 'planned') return false;
      if ((await this.#wanting(manager, locked)) !== null) return false;
      return this.#open(manager, locked, current);
    });
    if (opened) this.outbox.poke();
    return opened;
  }

  /** What a planned round of this study waits for, as a sentence; null where it is about to open. */
  waitsFor(study: StudyEntity): Promise<string | null> {
    return this.#wanting(this.dataSource.manager, study);
  }

  async #wanting(manager: EntityManager, study: StudyEntity): Promise<string | null> {
    const { minimumSites, quorum, required } = study.manifest.rounds;
    const present = await this.#trainers(manager);
    const willing = await consentingSites(manager, study.id);
    const undecided = present.filter(({ id }) => !willing.has(id)).map(({ name }) => name);
    const candidates = present.length - undecided.length;
    const asked = undecided.length === 0 ? '' : ` The consent of ${undecided.join(', ')} is still to come.`;
    const absent = required.filter((name) => !present.some((site) => site.name === name && willing.has(site.id)));
    if (absent.length > 0) return `It waits for required sites: ${absent.join(', ')}.${asked}`;
    const needed = Math.max(minimumSites, quorum);
    if (candidates >= needed) return null;
    return `It waits for sites to connect and consent: ${candidates} of ${needed} are there.${asked}`;
  }

  /** Connected, with volumes, and not excluded. */
  async #trainers(manager: EntityManager): Promise<SiteEntity[]> {
    const present = await this.presence.present(manager);
    const trainer = { role: 'trainer' as const, state: 'enrolled' as const, excludedAt: IsNull() };
    const sites = await manager.find(SiteEntity, {
      where: { id: In([...present]), ...trainer },
      order: { name: 'ASC' },
    });
    return sites.filter(({ data }) => data !== null && data.labelled + data.unlabelled > 0);
  }

  async #plan(manager: EntityManager, study: StudyEntity): Promise<void> {
    const base = await this.models.newest(study.id, manager);
    const number = base.version + 1;
    const { quorum, deadlineSeconds, leaseSeconds } = study.manifest.rounds;
    const id = this.ids.uuid();
    await manager.insert(RoundEntity, {
      id,
      studyId: study.id,
      number,
      attempt: (await manager.countBy(RoundEntity, { studyId: study.id, number })) + 1,
      state: 'planned',
      baseDigest: base.blobDigest,
      baseBytes: base.blobBytes,
      quorum,
      leaseSeconds: Math.min(leaseSeconds, deadlineSeconds),
    });
    await this.outbox.add(manager, { topic: 'round', subject: id });
  }

  async #open(manager: EntityManager, study: StudyEntity, round: RoundEntity): Promise<boolean> {
    const now = this.clock.now();
    const { deadlineSeconds, localSteps } = study.manifest.rounds;
    const willing = await consentingSites(manager, study.id);
    const members = (await this.#trainers(manager)).filter(({ id }) => willing.has(id));
    const rows = members.map(({ id: siteId, data }) => ({
      roundId: round.id,
      siteId,
      state: 'invited' as const,
      done: 0,
      total: localSteps,
      enrolledLabelled: data!.labelled,
      enrolledUnlabelled: data!.unlabelled,
      leaseUntil: new Date(now.getTime() + round.leaseSeconds * 1000),
      furthest: 0,
      updatedAt: now,
    }));
    await manager.insert(ContributionEntity, rows);
    const deadline = new Date(now.getTime() + deadlineSeconds * 1000);
    return this.transitions.applyLocked(manager, study, round, { type: 'opened', at: now, deadline });
  }
}
