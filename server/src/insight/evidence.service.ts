import { Injectable } from '@nestjs/common';
import { cosineToMean, siteWeights, updateRisk, type UpdateEvidence } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { TransferEntity } from '../blobs/transfer.entity.js';
import { sketchFromText } from '../rounds/quarantine.service.js';
import { UpdateEntity } from '../rounds/update.entity.js';
import { findRound, findStudy } from './find.js';

type Upload = NonNullable<UpdateEvidence['upload']>;

@Injectable()
export class EvidenceService {
  constructor(private readonly dataSource: DataSource) {}

  /** Of each update that has passed admission, in the order in which they came. */
  async of(roundId: string): Promise<UpdateEvidence[]> {
    const round = await findRound(this.dataSource, roundId);
    const updates = await this.dataSource
      .getRepository(UpdateEntity)
      .find({ where: { roundId }, order: { receivedAt: 'ASC', id: 'ASC' } });
    const { manifest } = await findStudy(this.dataSource, round.studyId);
    const accepted = updates.filter(({ state }) => state === 'accepted');
    const counts = accepted.map((update) => ({
      labelled: update.manifest.labelled,
      unlabelled: update.manifest.unlabelled,
      staleness: update.staleness,
    }));
    const weights = siteWeights(counts, manifest.aggregation, round.number);
    const weighted = accepted.map((update, i) => ({ sketch: sketchFromText(update.sketch), weight: weights[i] }));
    const uploads = await this.#uploads(updates);
    return updates.map((update) => {
      const { norm, exposure, manifest: counts } = update;
      const cosine = cosineToMean(sketchFromText(update.sketch), weighted);
      const others = accepted.filter(({ id }) => id !== update.id).length;
      return {
        siteId: update.siteId,
        updateId: update.id,
        blob: update.blobDigest,
        receivedAt: update.receivedAt.toISOString(),
        steps: counts.steps,
        cosine,
        upload: uploads.get(`${update.siteId} ${update.blobDigest}`) ?? null,
        risk: updateRisk({ norm, exposure, cosine, others, counts, training: manifest.training }),
      };
    });
  }

  /** By site and digest: an upload that broke off took several requests. */
  async #uploads(updates: readonly UpdateEntity[]): Promise<Map<string, Upload>> {
    const rows = await this.dataSource.getRepository(TransferEntity).findBy({
      direction: 'up',
      siteId: In(updates.map(({ siteId }) => siteId)),
      digest: In(updates.map(({ blobDigest }) => blobDigest)),
    });
    const uploads = new Map<string, Upload>();
    for (const { siteId, digest, bytes, milliseconds } of rows) {
      const key = `${siteId} ${digest}`;
      const so = uploads.get(key) ?? { bytes: 0, milliseconds: 0 };
      uploads.set(key, { bytes: so.bytes + bytes, milliseconds: so.milliseconds + milliseconds });
    }
    return uploads;
  }
}
