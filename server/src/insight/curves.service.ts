import { Injectable } from '@nestjs/common';
import { siteWeights, type CurvePoint, type Spread, type StudyCurves } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { EvaluationEntity } from '../models/evaluation.entity.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { AcceptedUpdates, type Accepted } from './accepted-updates.service.js';
import { findStudy } from './find.js';

interface Measured {
  site: string;
  volumes: number;
  dice: number;
  hd95: number | null;
}

/** A figure of one site and what it counts in the mean. */
interface Weighted {
  value: number;
  weight: number;
}

/** Everything that the curves of a study show, in three queries whatever its length. */
@Injectable()
export class CurvesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly accepted: AcceptedUpdates,
  ) {}

  async of(studyId: string): Promise<StudyCurves> {
    const study = await findStudy(this.dataSource, studyId);
    const versions = await this.dataSource
      .getRepository(ModelVersionEntity)
      .find({ where: { studyId }, order: { version: 'ASC' } });
    const measured = await this.#measured(studyId);
    const accepted = await this.accepted.byRound(studyId);
    const sites = [...new Set([...measured.values()].flatMap((figures) => figures.map(({ site }) => site)))].sort();
    const points = versions.map(({ version, roundId, blobDigest }) => ({
      version,
      roundId,
      ...diceOf(measured.get(blobDigest) ?? [], sites),
      ...lossesOf((roundId !== null && accepted.get(roundId)) || [], study, version),
    }));
    return { sites, points };
  }

  /** By digest of the model. */
  async #measured(studyId: string): Promise<Map<string, Measured[]>> {
    const rows = await this.dataSource
      .getRepository(EvaluationEntity)
      .createQueryBuilder('evaluation')
      .innerJoin(SiteEntity, 'site', 'site.id = evaluation.site_id')
      .select('evaluation.model_digest', 'digest')
      .addSelect(
        `json_agg(json_build_object(
          'site', site.name, 'volumes', evaluation.volumes, 'dice', evaluation.dice, 'hd95', evaluation.hd95
        ))`,
        'figures',
      )
      .where('evaluation.study_id = :studyId', { studyId })
      .groupBy('evaluation.model_digest')
      .getRawMany<{ digest: string; figures: Measured[] }>();
    return new Map(rows.map(({ digest, figures }) => [digest, figures]));
  }
}

type DiceFigures = Pick<CurvePoint, 'dice' | 'hd95' | 'diceBySite' | 'hd95BySite'>;
type LossFigures = Pick<CurvePoint, 'loss' | 'supervised' | 'unsupervised' | 'cps'>;

function diceOf(measured: readonly Measured[], sites: readonly string[]): DiceFigures {
  const bySite = new Map(measured.map((figures) => [figures.site, figures]));
  const distances = measured.flatMap(({ hd95, volumes }) => (hd95 === null ? [] : [{ value: hd95, weight: volumes }]));
  return {
    dice: spreadOf(measured.map(({ dice, volumes }) => ({ value: dice, weight: volumes }))),
    hd95: spreadOf(distances),
    diceBySite: sites.map((site) => rounded(bySite.get(site)?.dice ?? null)),
    hd95BySite: sites.map((site) => rounded(bySite.get(site)?.hd95 ?? null)),
  };
}

function lossesOf(trained: readonly Accepted[], { manifest }: StudyEntity, round: number): LossFigures {
  const weights = siteWeights(trained, manifest.aggregation, round);
  const spread = (figure: keyof LossFigures): Spread | null =>
    spreadOf(
      trained.flatMap(({ metrics }, i) => {
        const value = metrics[figure];
        return value === null ? [] : [{ value, weight: weights[i] }];
      }),
    );
  return {
    loss: spread('loss'),
    supervised: spread('supervised'),
    unsupervised: spread('unsupervised'),
    cps: spread('cps'),
  };
}

function spreadOf(figures: readonly Weighted[]): Spread | null {
  const total = figures.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return null;
  const values = figures.map(({ value }) => value);
  return {
    mean: figures.reduce((sum, { value, weight }) => sum + value * weight, 0) / total,
    low: Math.min(...values),
    high: Math.max(...values),
    sites: figures.length,
  };
}

/** Four decimals, more than a page shows: seventy sites over two hundred rounds are many digits. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e4) / 1e4;
}
