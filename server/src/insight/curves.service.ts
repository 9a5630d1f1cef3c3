import { Injectable } from '@nestjs/common';
import { siteWeights, type CurvePoint, type Spread, type StudyCurves, type TrainingMetrics } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { EvaluationEntity } from '../models/evaluation.entity.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { UpdateEntity } from '../rounds/update.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { findStudy } from './find.js';
import { grouped } from './grouped.js';

interface Measured {
  digest: string;
  site: string;
  volumes: number;
  dice: number;
  hd95: number | null;
}

interface Trained {
  roundId: string;
  number: number;
  staleness: number;
  labelled: number;
  unlabelled: number;
  metrics: TrainingMetrics;
}

/** A figure of one site and what it counts in the mean. */
interface Weighted {
  value: number;
  weight: number;
}

/** Everything that the curves of a study show, in three queries whatever its length. */
@Injectable()
export class CurvesService {
  constructor(private readonly dataSource: DataSource) {}

  async of(studyId: string): Promise<StudyCurves> {
    const study = await findStudy(this.dataSource, studyId);
    const versions = await this.dataSource
      .getRepository(ModelVersionEntity)
      .find({ where: { studyId }, order: { version: 'ASC' } });
    const measured = await this.#measured(studyId);
    const trained = await this.#trained(studyId);
    const sites = [...new Set(measured.map(({ site }) => site))].sort();
    const byDigest = grouped(measured, ({ digest }) => digest);
    const byRound = grouped(trained, ({ roundId }) => roundId);
    const points = versions.map(({ version, roundId, blobDigest }) => ({
      version,
      roundId,
      ...diceOf(byDigest.get(blobDigest) ?? [], sites),
      ...lossesOf((roundId !== null && byRound.get(roundId)) || [], study),
    }));
    return { sites, points };
  }

  #measured(studyId: string): Promise<Measured[]> {
    return this.dataSource
      .getRepository(EvaluationEntity)
      .createQueryBuilder('evaluation')
      .innerJoin(SiteEntity, 'site', 'site.id = evaluation.site_id')
      .select(['evaluation.model_digest AS "digest"', 'site.name AS "site"', 'evaluation.volumes AS "volumes"'])
      .addSelect(['evaluation.dice AS "dice"', 'evaluation.hd95 AS "hd95"'])
      .where('evaluation.study_id = :studyId', { studyId })
      .getRawMany();
  }

  #trained(studyId: string): Promise<Trained[]> {
    return this.dataSource
      .getRepository(UpdateEntity)
      .createQueryBuilder('sent')
      .innerJoin(RoundEntity, 'round', 'round.id = sent.round_id')
      .select(['round.id AS "roundId"', 'round.number AS "number"', 'sent.staleness AS "staleness"'])
      .addSelect([
        `(sent.manifest->>'labelled')::int AS "labelled"`,
        `(sent.manifest->>'unlabelled')::int AS "unlabelled"`,
        `sent.manifest->'metrics' AS "metrics"`,
      ])
      .where(`round.study_id = :studyId AND round.state = 'committed' AND sent.state = 'accepted'`, { studyId })
      .getRawMany();
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

function lossesOf(trained: readonly Trained[], { manifest }: StudyEntity): LossFigures {
  const weights = siteWeights(trained, manifest.aggregation, trained.at(0)?.number ?? 1);
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
