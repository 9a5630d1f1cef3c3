import { Inject, Injectable } from '@nestjs/common';
import type {
  MeasuredModel,
  PromoteRequest,
  Release,
  ReleasedModel,
  ReleaseState,
  RollBackRequest,
  SignOffRequest,
} from '@consilium/shared';
import { DataSource, In, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import type { OperatorCaller } from '../identity/caller.js';
import { evaluationKey, EvaluationsService, meanDice } from '../models/evaluations.service.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { viewOf } from '../models/models.service.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { lockStudy } from '../studies/studies.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ModelReleaseEntity } from './model-release.entity.js';
import { ModelSignOffEntity } from './model-sign-off.entity.js';
import { bestOf, lossesOf, releasedVersions } from './release-rules.js';

/** Which version of a study's model sites are told to use: never simply the last one. */
@Injectable()
export class ReleasesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly evaluations: EvaluationsService,
    private readonly log: AuditLog,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async of(studyId: string): Promise<ReleaseState> {
    const { manager } = this.dataSource;
    if (!(await manager.existsBy(StudyEntity, { id: studyId })))
      throw new ApiError('not-found', 'There is no such study.');
    const history = await this.#history(manager, studyId);
    const signOffs = await manager.find(ModelSignOffEntity, { where: { studyId }, order: { at: 'ASC' } });
    return {
      studyId,
      released: history.at(-1) ?? null,
      best: bestOf(await this.#measured(manager, studyId)),
      signOffs: signOffs.map(({ version, operator, statement, at }) => ({
        version,
        operator,
        statement,
        at: at.toISOString(),
      })),
      history,
    };
  }

  /** What sites predict with: one model for each study that has released any, the newest release first. */
  async forSites(): Promise<ReleasedModel[]> {
    const { manager } = this.dataSource;
    const rows = await manager.find(ModelReleaseEntity, { order: { at: 'DESC', number: 'DESC' } });
    const newest = rows.filter((row, i) => rows.findIndex(({ studyId }) => studyId === row.studyId) === i);
    const studies = await manager.findBy(StudyEntity, { id: In(newest.map(({ studyId }) => studyId)) });
    return Promise.all(
      newest.map(async ({ studyId, version, at }) => {
        const study = studies.find(({ id }) => id === studyId)!;
        return {
          studyDigest: study.digest,
          manifest: study.manifest,
          model: viewOf(await versionOf(manager, studyId, version)),
          releasedAt: at.toISOString(),
        };
      }),
    );
  }

  async signOff(
    operator: OperatorCaller,
    studyId: string,
    version: number,
    { statement }: SignOffRequest,
  ): Promise<ReleaseState> {
    await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, studyId);
      const model = await versionOf(manager, studyId, version);
      const key = { studyId, version, operatorId: operator.id };
      if (await manager.existsBy(ModelSignOffEntity, key))
        throw new ApiError('conflict', `${operator.name} has signed version ${version} off already.`);
      await manager.insert(ModelSignOffEntity, { ...key, operator: operator.name, statement, at: this.clock.now() });
      await this.outbox.add(manager, { topic: 'study', subject: studyId });
      await this.log.append(manager, {
        type: 'model-signed-off',
        actor: actorOf(operator),
        ...{ studyDigest: study.digest, version, model: model.blobDigest, statement },
      });
    });
    this.outbox.poke();
    return this.of(studyId);
  }

  /** Throws ApiError (conflict) where a site would lose more Dice than the study tolerates, with the sites named. */
  async promote(
    operator: OperatorCaller,
    studyId: string,
    version: number,
    { reason, unmeasured }: PromoteRequest,
  ): Promise<ReleaseState> {
    await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, studyId);
      const model = await versionOf(manager, studyId, version);
      const history = await this.#history(manager, studyId);
      const inUse = history.at(-1)?.version;
      if (inUse === version) throw new ApiError('conflict', `Version ${version} is the one in use already.`);
      await this.#requireSignOffs(manager, study, version);
      await this.#requireNoLoss(manager, study, { version, inUse: inUse ?? 0, unmeasured });
      await this.#release(manager, study, operator, { model, action: 'promoted', reason, number: history.length + 1 });
    });
    this.outbox.poke();
    return this.of(studyId);
  }

  /** Back to what was in use before; the version that is left stays in the history. */
  async rollBack(operator: OperatorCaller, studyId: string, { reason }: RollBackRequest): Promise<ReleaseState> {
    await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, studyId);
      const history = await this.#history(manager, studyId);
      const former = releasedVersions(history).at(-2);
      if (former === undefined)
        throw new ApiError('conflict', 'There is no earlier released version of this study to go back to.');
      const model = await versionOf(manager, studyId, former);
      await this.#release(manager, study, operator, {
        ...{ model, action: 'rolled-back', reason, number: history.length + 1 },
      });
    });
    this.outbox.poke();
    return this.of(studyId);
  }

  async #release(
    manager: EntityManager,
    study: StudyEntity,
    operator: OperatorCaller,
    change: { model: ModelVersionEntity; action: Release['action']; reason: string | null; number: number },
  ): Promise<void> {
    const { action, reason, number } = change;
    const { version, blobDigest: model } = change.model;
    await manager.insert(ModelReleaseEntity, {
      ...{ studyId: study.id, number, version, action, reason, at: this.clock.now() },
      ...{ operatorId: operator.id, operator: operator.name },
    });
    await this.outbox.add(manager, { topic: 'study', subject: study.id });
    const type = action === 'promoted' ? 'model-promoted' : 'model-rolled-back';
    await this.log.append(manager, {
      type,
      actor: actorOf(operator),
      ...{ studyDigest: study.digest, version, model, reason },
    });
  }

  async #requireSignOffs(manager: EntityManager, { id, manifest }: StudyEntity, version: number): Promise<void> {
    const needed = manifest.release.signOffs;
    const given = await manager.countBy(ModelSignOffEntity, { studyId: id, version });
    if (given >= needed) return;
    throw new ApiError('conflict', `Version ${version} needs ${needed} sign-offs and has ${given}.`);
  }

  async #requireNoLoss(
    manager: EntityManager,
    { id, manifest }: StudyEntity,
    { version, inUse, unmeasured }: { version: number; inUse: number; unmeasured: PromoteRequest['unmeasured'] },
  ): Promise<void> {
    const { toleratedLoss } = manifest.release;
    const measured = await this.#measured(manager, id);
    const sitesOf = (wanted: number) => measured.find((model) => model.version === wanted)?.sites ?? [];
    const revoked = await manager.findBy(SiteEntity, { state: 'revoked' });
    const present = sitesOf(inUse).filter(({ site }) => !revoked.some(({ name }) => name === site));
    const losses = lossesOf(sitesOf(version), present, toleratedLoss);
    if (losses.losing.length > 0) {
      const sites = losses.losing.map(
        ({ site, before, after }) => `${site} (${before.toFixed(3)} to ${after.toFixed(3)})`,
      );
      throw new ApiError(
        'conflict',
        `Version ${version} is worse than version ${inUse} by more than ${toleratedLoss} Dice at ${sites.join(', ')}.`,
      );
    }
    if (losses.unmeasured.length > 0 && unmeasured === 'refuse') {
      throw new ApiError(
        'conflict',
        `Version ${version} has not been measured yet by ${losses.unmeasured.join(', ')}; wait, or accept that.`,
      );
    }
  }

  async #measured(manager: EntityManager, studyId: string): Promise<MeasuredModel[]> {
    const versions = await manager.find(ModelVersionEntity, { where: { studyId }, order: { version: 'ASC' } });
    const digests = versions.map(({ blobDigest }) => blobDigest);
    const figures = await this.evaluations.ofModels(manager, [studyId], digests);
    return versions.flatMap(({ version, blobDigest: model }) => {
      const sites = figures.get(evaluationKey(studyId, model)) ?? [];
      const dice = meanDice(sites);
      return dice === null ? [] : [{ version, model, dice, sites }];
    });
  }

  async #history(manager: EntityManager, studyId: string): Promise<Release[]> {
    const rows = await manager.find(ModelReleaseEntity, { where: { studyId }, order: { number: 'ASC' } });
    return rows.map(({ version, action, operator, reason, at }) => ({
      ...{ version, action, operator, reason },
      at: at.toISOString(),
    }));
  }
}

async function versionOf(manager: EntityManager, studyId: string, version: number): Promise<ModelVersionEntity> {
  const model = await manager.findOneBy(ModelVersionEntity, { studyId, version });
  if (!model) throw new ApiError('not-found', `The study has no model version ${version}.`);
  return model;
}
