import { Injectable } from '@nestjs/common';
import {
  classDistances,
  planeProjection,
  PROTOTYPE_SUPPORT,
  prototypeShift,
  type Digest,
  type ModelSettings,
  type PrototypeReport,
  type PrototypeSet,
} from '@consilium/shared';
import { DataSource } from 'typeorm';
import { TensorFile } from '../aggregation/tensor-file.js';
import { BlobStore } from '../blobs/blob-store.js';
import { BlobsService } from '../blobs/blobs.service.js';
import { ApiError } from '../http/api-error.js';
import { findRound, findStudy } from './find.js';

@Injectable()
export class PrototypesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BlobStore,
    private readonly blobs: BlobsService,
  ) {}

  /** Of the model that this round committed. */
  async of(roundId: string): Promise<PrototypeReport> {
    const round = await findRound(this.dataSource, roundId);
    const { manifest } = await findStudy(this.dataSource, round.studyId);
    if (round.resultDigest === null)
      throw new ApiError('not-found', `Round ${round.number} has committed no model: it is ${round.state}.`);
    const after = await this.#read(round.resultDigest, manifest.model);
    const before = await this.#read(round.baseDigest, manifest.model);
    if (!after) throw new ApiError('not-found', `The server has no file of the model ${round.resultDigest} any more.`);
    const rows = <T>(values: ArrayLike<T>): T[][] => inRows(values, after.perClass);
    const { points, explained } = planeProjection(after);
    return {
      classes: manifest.classNames,
      support: rows(after.support),
      shift: before && rows(prototypeShift(before, after)),
      distances: classDistances(after),
      points: rows(points),
      explained,
    };
  }

  /** A few kilobytes of a large file. Null where the file is gone. */
  async #read(digest: Digest, { classes, prototypes: perClass, width }: ModelSettings): Promise<PrototypeSet | null> {
    if (!(await this.blobs.find(digest))) return null;
    const file = new TensorFile(await this.store.local(digest));
    try {
      const values = new Float32Array(classes * perClass * 4 * width);
      const support = new Float32Array(classes * perClass);
      file.read('prototypes', 0, values);
      file.read(PROTOTYPE_SUPPORT, 0, support);
      return { classes, perClass, values, support };
    } finally {
      file.close();
    }
  }
}

function inRows<T>(values: ArrayLike<T>, length: number): T[][] {
  return Array.from({ length: values.length / length }, (_, row) =>
    Array.from({ length }, (_, column) => values[row * length + column]),
  );
}
