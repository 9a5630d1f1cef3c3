import { Injectable } from '@nestjs/common';
import { siteWeights, type ModelLineage } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { EvaluationEntity } from '../models/evaluation.entity.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { UpdateEntity } from '../rounds/update.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { findStudy } from './find.js';
import { grouped } from './grouped.js';

interface Sent {
  roundId: string;
  updateId: string;
  siteId: string;
  site: string;
  blob: string;
  staleness: number;
  labelled: number;
  unlabelled: number;
}

@Injectable()
export class LineageService {
  constructor(private readonly dataSource: DataSource) {}

  /** Of all versions, the initial model first. */
  async of(studyId: string): Promise<ModelLineage[]> {
    const study = await findStudy(this.dataSource, studyId);
    const versions = await this.dataSource
      .getRepository(ModelVersionEntity)
      .find({ where: { studyId }, order: { version: 'ASC' } });
    const roundIds = versions.flatMap(({ roundId }) => roundId ?? []);
    const rounds = await this.dataSource.getRepository(RoundEntity).findBy({ id: In(roundIds) });
    const bases = new Map(rounds.map(({ id, baseDigest }) => [id, baseDigest]));
    const sent = grouped(await this.#sent(roundIds), ({ roundId }) => roundId);
    const figures = await this.#figures(studyId);
    return versions.map((row) => ({
      studyId,
      version: row.version,
      blob: { digest: row.blobDigest, bytes: row.blobBytes },
      optimiser: row.optimiserDigest,
      createdAt: row.createdAt.toISOString(),
      roundId: row.roundId,
      base: (row.roundId !== null && bases.get(row.roundId)) || null,
      contributors: contributorsOf((row.roundId !== null && sent.get(row.roundId)) || [], study, row.version),
      ...(figures.get(row.blobDigest) ?? { dice: null, hd95: null, evaluations: 0 }),
    }));
  }

  #sent(roundIds: string[]): Promise<Sent[]> {
    return this.dataSource
      .getRepository(UpdateEntity)
      .createQueryBuilder('sent')
      .innerJoin(SiteEntity, 'site', 'site.id = sent.site_id')
      .select(['sent.round_id AS "roundId"', 'sent.id AS "updateId"', 'site.id AS "siteId"', 'site.name AS "site"'])
      .addSelect(['sent.blob_digest AS "blob"', 'sent.staleness AS "staleness"'])
      .addSelect([
        `(sent.manifest->>'labelled')::int AS "labelled"`,
        `(sent.manifest->>'unlabelled')::int AS "unlabelled"`,
      ])
      .where({ roundId: In(roundIds), state: 'accepted' })
      .orderBy('site.name', 'ASC')
      .getRawMany();
  }

  /** By digest of the model; means over volumes, a distance only where every site has one. */
  async #figures(studyId: string): Promise<Map<string, Pick<ModelLineage, 'dice' | 'hd95' | 'evaluations'>>> {
    const rows = await this.dataSource
      .getRepository(EvaluationEntity)
      .createQueryBuilder('evaluation')
      .select(['evaluation.model_digest AS "digest"', 'count(*)::int AS "evaluations"'])
      .addSelect('sum(dice * volumes) / sum(volumes)', 'dice')
      .addSelect('CASE WHEN bool_and(hd95 IS NOT NULL) THEN sum(hd95 * volumes) / sum(volumes) END', 'hd95')
      .where({ studyId })
      .groupBy('evaluation.model_digest')
      .getRawMany<Pick<ModelLineage, 'dice' | 'hd95' | 'evaluations'> & { digest: string }>();
    return new Map(rows.map(({ digest, ...figures }) => [digest, figures]));
  }
}

function contributorsOf(sent: readonly Sent[], { manifest }: StudyEntity, round: number): ModelLineage['contributors'] {
  const weights = siteWeights(sent, manifest.aggregation, round);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return sent.map(({ siteId, site, updateId, blob, labelled, unlabelled }, i) => ({
    siteId,
    site,
    updateId,
    blob,
    weight: total === 0 ? 0 : weights[i] / total,
    labelled,
    unlabelled,
  }));
}
