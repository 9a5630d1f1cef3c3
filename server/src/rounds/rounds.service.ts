import { Injectable } from '@nestjs/common';
import type { Contribution, RoundView, SiteDice, StudyManifest } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { evaluationKey, EvaluationsService, meanDice } from '../models/evaluations.service.js';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { RoundEntity } from './round.entity.js';
import { weightsOf } from './round-recipe.js';
import { RoundOpening } from './round-opening.service.js';
import { UpdateEntity } from './update.entity.js';

/** Without the sketches, which are most of a row. */
const UPDATE_COLUMNS = {
  id: true,
  roundId: true,
  siteId: true,
  manifest: true,
  state: true,
  norm: true,
  staleness: true,
  quarantine: true,
} as const;
type UpdateRow = Pick<UpdateEntity, keyof typeof UPDATE_COLUMNS>;

interface RoundRows {
  /** Of a planned round. */
  waitsFor: string | null;
  contributions: ContributionEntity[];
  updates: UpdateRow[];
  /** What each accepted update counts, by id. */
  weights: Map<string, number>;
  names: Map<string, string>;
  evaluations: SiteDice[];
}

@Injectable()
export class RoundsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly evaluations: EvaluationsService,
    private readonly opening: RoundOpening,
  ) {}

  /** In the order in which they were opened. */
  async list(studyId: string): Promise<RoundView[]> {
    const rounds = this.dataSource.getRepository(RoundEntity);
    return this.#views(await rounds.find({ where: { studyId }, order: { number: 'ASC', attempt: 'ASC' } }));
  }

  async get(id: string): Promise<RoundView> {
    const view = (await this.#views(await this.dataSource.getRepository(RoundEntity).findBy({ id }))).at(0);
    if (!view) throw new ApiError('not-found', 'There is no such round.');
    return view;
  }

  async #views(rounds: RoundEntity[]): Promise<RoundView[]> {
    if (rounds.length === 0) return [];
    const roundId = In(rounds.map((round) => round.id));
    const contributions = await this.dataSource.getRepository(ContributionEntity).findBy({ roundId });
    const updates = await this.dataSource
      .getRepository(UpdateEntity)
      .find({ select: UPDATE_COLUMNS, where: { roundId } });
    const sites = await this.dataSource.getRepository(SiteEntity).find({ select: { id: true, name: true } });
    const studyIds = [...new Set(rounds.map((round) => round.studyId))];
    const results = rounds.flatMap(({ resultDigest }) => (resultDigest === null ? [] : [resultDigest]));
    const evaluations = await this.evaluations.ofModels(this.dataSource.manager, studyIds, results);
    const manifests = await this.#manifests(rounds);
    const names = new Map(sites.map(({ id, name }) => [id, name]));
    const waits = await this.#waits(rounds);
    return rounds.map((round) => {
      const own = updates.filter((row) => row.roundId === round.id);
      return viewOf(round, {
        waitsFor: waits.get(round.id) ?? null,
        contributions: contributions.filter((row) => row.roundId === round.id),
        updates: own,
        weights: weightsById(own, manifests.get(round.studyId)!, round),
        names,
        evaluations: (round.resultDigest && evaluations.get(evaluationKey(round.studyId, round.resultDigest))) || [],
      });
    });
  }

  async #manifests(rounds: RoundEntity[]): Promise<Map<string, StudyManifest>> {
    const id = In(rounds.map(({ studyId }) => studyId));
    const studies = await this.dataSource
      .getRepository(StudyEntity)
      .find({ select: { id: true, manifest: true }, where: { id } });
    return new Map(studies.map((study) => [study.id, study.manifest]));
  }

  /** What planned rounds wait for, by their ids. */
  async #waits(rounds: RoundEntity[]): Promise<Map<string, string | null>> {
    const waits = new Map<string, string | null>();
    for (const { id, studyId } of rounds.filter(({ state }) => state === 'planned')) {
      const study = await this.dataSource.getRepository(StudyEntity).findOneByOrFail({ id: studyId });
      waits.set(id, await this.opening.waitsFor(study));
    }
    return waits;
  }
}

function viewOf(
  round: RoundEntity,
  { waitsFor, contributions, updates, weights, names, evaluations }: RoundRows,
): RoundView {
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
    reason: round.reason ?? waitsFor,
    quorum: round.quorum,
    contributions: contributionViews(contributions, updates, weights, names),
    evaluations,
    dice: meanDice(evaluations),
    loss: meanLoss(updates, weights),
    bytes: accepted(updates).reduce((sum, update) => sum + update.manifest.blob.bytes, 0),
  };
}

function contributionViews(
  rows: ContributionEntity[],
  updates: UpdateRow[],
  weights: Map<string, number>,
  names: Map<string, string>,
): Contribution[] {
  const total = sumOf(weights);
  const views = rows.map((row): Contribution => {
    const update = updates.find((candidate) => candidate.siteId === row.siteId);
    return {
      siteId: row.siteId,
      site: names.get(row.siteId)!,
      state: row.state,
      done: row.done,
      total: row.total,
      labelled: update?.manifest.labelled ?? row.enrolledLabelled,
      unlabelled: update?.manifest.unlabelled ?? row.enrolledUnlabelled,
      weight: total > 0 ? shareOf(update, weights, total) : null,
      bytes: update?.manifest.blob.bytes ?? null,
      metrics: row.metrics,
      refusal: row.refusal,
      updateId: update?.id ?? null,
      quarantine: update?.quarantine ?? null,
      norm: update?.norm ?? null,
      staleness: update?.staleness ?? 0,
    };
  });
  return views.sort((a, b) => (a.site < b.site ? -1 : 1));
}

function shareOf(update: UpdateRow | undefined, weights: Map<string, number>, total: number): number | null {
  const weight = update && weights.get(update.id);
  return weight === undefined ? null : weight / total;
}

function meanLoss(updates: readonly UpdateRow[], weights: Map<string, number>): number | null {
  const total = sumOf(weights);
  if (total === 0) return null;
  const losses = accepted(updates).map(({ id, manifest }) => manifest.metrics.loss * weights.get(id)!);
  return losses.reduce((sum, loss) => sum + loss, 0) / total;
}

function weightsById(updates: readonly UpdateRow[], manifest: StudyManifest, round: RoundEntity): Map<string, number> {
  const counted = accepted(updates);
  const weights = weightsOf(counted, manifest, round);
  return new Map(counted.map(({ id }, i) => [id, weights[i]]));
}

function sumOf(weights: Map<string, number>): number {
  return [...weights.values()].reduce((sum, weight) => sum + weight, 0);
}

function accepted(updates: readonly UpdateRow[]): UpdateRow[] {
  return updates.filter(({ state }) => state === 'accepted');
}
