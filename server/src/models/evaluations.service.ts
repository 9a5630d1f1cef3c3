import { Inject, Injectable } from '@nestjs/common';
import type { Evaluation, SiteDice } from '@consilium/shared';
import { DataSource, In, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';
import { EvaluationEntity } from './evaluation.entity.js';
import { ModelVersionEntity } from './model-version.entity.js';

@Injectable()
export class EvaluationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async record(site: SiteCaller, evaluation: Evaluation): Promise<void> {
    const { studyId, model: modelDigest, volumes, dice, hd95 } = evaluation;
    await this.dataSource.transaction(async (manager) => {
      const version = await manager.findOneBy(ModelVersionEntity, { studyId, blobDigest: modelDigest });
      if (!version) throw new ApiError('not-found', `The study has no model version with the digest ${modelDigest}.`);
      const row = { studyId, modelDigest, siteId: site.id, volumes, dice, hd95, receivedAt: this.clock.now() };
      await manager.upsert(EvaluationEntity, row, ['studyId', 'modelDigest', 'siteId']);
      await this.outbox.add(
        manager,
        { topic: 'model', subject: studyId },
        ...(version.roundId === null ? [] : [{ topic: 'round' as const, subject: version.roundId }]),
      );
      const { digest: studyDigest } = await manager.findOneByOrFail(StudyEntity, { id: studyId });
      await this.log.append(manager, {
        type: 'model-measured',
        actor: actorOf(site),
        ...{ siteId: site.id, site: site.name, studyDigest, version: version.version, model: modelDigest },
        ...{ volumes, dice, hd95 },
      });
    });
    this.outbox.poke();
  }

  /** By `evaluationKey`, in the order of the sites' names. */
  async ofModels(manager: EntityManager, studyIds: string[], digests: string[]): Promise<Map<string, SiteDice[]>> {
    const rows = await manager.findBy(EvaluationEntity, { studyId: In(studyIds), modelDigest: In(digests) });
    const sites = await manager.find(SiteEntity, { select: { id: true, name: true } });
    const names = new Map(sites.map(({ id, name }) => [id, name]));
    const byModel = new Map<string, SiteDice[]>();
    for (const { studyId, modelDigest, siteId, volumes, dice, hd95 } of rows) {
      const key = evaluationKey(studyId, modelDigest);
      const figures = byModel.get(key) ?? [];
      figures.push({ site: names.get(siteId)!, dice, hd95, volumes });
      byModel.set(key, figures);
    }
    for (const figures of byModel.values()) figures.sort((a, b) => (a.site < b.site ? -1 : 1));
    return byModel;
  }
}

export function evaluationKey(studyId: string, modelDigest: string): string {
  return `${studyId} ${modelDigest}`;
}

/** Mean over volumes, so that a site with one volume does not outvote one with fifty. */
export function meanDice(figures: readonly SiteDice[]): number | null {
  const volumes = figures.reduce((sum, figure) => sum + figure.volumes, 0);
  return volumes === 0 ? null : figures.reduce((sum, figure) => sum + figure.dice * figure.volumes, 0) / volumes;
}
