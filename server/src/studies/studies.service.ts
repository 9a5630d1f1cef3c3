import { Inject, Injectable } from '@nestjs/common';
import { digestOfJson, type StudyManifest, type StudyView } from '@consilium/shared';
import { DataSource, In, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import type { OperatorCaller } from '../identity/caller.js';
import { evaluationKey, EvaluationsService, meanDice } from '../models/evaluations.service.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { ModelSigning } from '../models/model-signing.js';
import { ModelsService } from '../models/models.service.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { StudyEntity } from './study.entity.js';
import { studyAfter, type StudyEvent } from './study-state.js';

@Injectable()
export class StudiesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly models: ModelsService,
    private readonly evaluations: EvaluationsService,
    private readonly signing: ModelSigning,
    private readonly log: AuditLog,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async create(operator: OperatorCaller, manifest: StudyManifest): Promise<StudyView> {
    const digest = digestOfJson(manifest);
    const studies = this.dataSource.getRepository(StudyEntity);
    const refuse = () =>
      new ApiError('conflict', `The study ${manifest.name} with exactly these settings exists already.`);
    if (await studies.existsBy({ digest })) throw refuse();
    const blob = await this.models.prepareInitial(manifest);
    const id = this.ids.uuid();
    await this.dataSource.transaction(async (manager) => {
      if (await manager.existsBy(StudyEntity, { digest })) throw refuse();
      const row = { id, digest, state: 'draft', manifest, abortsInARow: 0, createdAt: this.clock.now() } as const;
      await manager.insert(StudyEntity, row);
      await this.models.add(manager, { studyId: id, version: 0, roundId: null, blob, optimiser: null });
      // Sites are asked for their consent from now on.
      await this.outbox.add(manager, { topic: 'study', subject: id, wakesSites: true });
      const signed = await this.signing.sign(manager, row, { version: 0, model: blob, round: null });
      const created = { type: 'study-created', actor: actorOf(operator), studyDigest: digest, manifest } as const;
      await this.log.append(manager, created, signed);
    });
    this.outbox.poke();
    return this.get(id);
  }

  async list(): Promise<StudyView[]> {
    return this.#views(await this.dataSource.getRepository(StudyEntity).find({ order: { createdAt: 'ASC' } }));
  }

  async get(id: string): Promise<StudyView> {
    const view = (await this.#views(await this.dataSource.getRepository(StudyEntity).findBy({ id }))).at(0);
    if (!view) throw new ApiError('not-found', 'There is no such study.');
    return view;
  }

  async command(
    operator: OperatorCaller,
    id: string,
    event: Extract<StudyEvent, 'start' | 'pause' | 'resume' | 'stop'>,
  ): Promise<StudyView> {
    await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, id);
      const state = studyAfter(study.state, event);
      if (!state) throw new ApiError('conflict', `The study is ${study.state}: it cannot ${event}.`);
      if (state === 'running') await this.#requireNoOther(manager, study);
      const startedAt = study.startedAt ?? (state === 'running' ? this.clock.now() : null);
      await manager.update(StudyEntity, { id }, { state, startedAt, reason: null, abortsInARow: 0 });
      await this.outbox.add(manager, { topic: 'study', subject: id, wakesSites: true });
      const changed = { type: 'study-state-changed', actor: actorOf(operator), state, reason: null } as const;
      await this.log.append(manager, { ...changed, studyDigest: study.digest });
    });
    this.outbox.poke();
    return this.get(id);
  }

  /** A site works for one study at a time; which one, both sides have to agree upon. */
  async #requireNoOther(manager: EntityManager, study: StudyEntity): Promise<void> {
    const other = await manager.findOneBy(StudyEntity, { state: 'running' });
    if (other && other.id !== study.id) {
      throw new ApiError('conflict', `The study ${other.manifest.name} is running: pause or stop it first.`);
    }
  }

  async #views(studies: StudyEntity[]): Promise<StudyView[]> {
    const ids = studies.map((study) => study.id);
    const versions = this.dataSource.getRepository(ModelVersionEntity);
    const initial = new Map(
      (await versions.findBy({ studyId: In(ids), version: 0 })).map(({ studyId, blobDigest }) => [studyId, blobDigest]),
    );
    const committed = await versions
      .createQueryBuilder('version')
      .select(['version.study_id AS "studyId"', 'count(*)::int AS "rounds"'])
      .where('version.study_id = ANY(:ids) AND version.version > 0', { ids })
      .groupBy('version.study_id')
      .getRawMany<{ studyId: string; rounds: number }>();
    const rounds = new Map(committed.map((row) => [row.studyId, row.rounds]));
    const evaluations = await this.evaluations.ofModels(this.dataSource.manager, ids, [...initial.values()]);
    return studies.map((study) => ({
      id: study.id,
      digest: study.digest,
      state: study.state,
      reason: study.reason,
      manifest: study.manifest,
      createdAt: study.createdAt.toISOString(),
      roundsCommitted: rounds.get(study.id) ?? 0,
      initialDice: meanDice(evaluations.get(evaluationKey(study.id, initial.get(study.id)!)) ?? []),
    }));
  }
}

/** Holds the row until the transaction ends: whoever changes a study or opens a round in it goes through here. */
export async function lockStudy(manager: EntityManager, id: string): Promise<StudyEntity> {
  const study = await manager.findOne(StudyEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (!study) throw new ApiError('not-found', 'There is no such study.');
  return study;
}
