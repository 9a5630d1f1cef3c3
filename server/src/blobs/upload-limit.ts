import { Injectable } from '@nestjs/common';
import { layOutContainer, modelTensors, type TransferEncoding } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { StudyEntity } from '../studies/study.entity.js';

/** Header of a container: names, shapes and offsets of a model, with room for another order and for metadata. */
const HEADER_ALLOWANCE = 1 << 20;

/** How large an upload may be: as large as the models of the studies that are under way. */
@Injectable()
export class UploadLimit {
  /** The last answer, for sentences. */
  last = 0;
  readonly #bytesOf = new Map<string, number>();

  constructor(private readonly dataSource: DataSource) {}

  async bytes(): Promise<number> {
    const studies = await this.#underWay();
    // tus reads 0 as "no limit": without a study a single byte is the limit.
    this.last = Math.max(1, ...studies.map((study) => this.#modelBytes(study)));
    return this.last;
  }

  /** How the studies that are under way let updates travel. */
  async encodings(): Promise<Set<TransferEncoding>> {
    return new Set((await this.#underWay()).flatMap((study) => study.manifest.transfer.encodings));
  }

  #underWay(): Promise<StudyEntity[]> {
    return this.dataSource.getRepository(StudyEntity).findBy({ state: In(['running', 'paused']) });
  }

  #modelBytes(study: StudyEntity): number {
    let bytes = this.#bytesOf.get(study.digest);
    if (bytes === undefined) {
      const tensors = modelTensors(study.manifest.model).map(({ name, shape }) => ({
        name,
        shape,
        dtype: 'float32' as const,
      }));
      bytes = layOutContainer(tensors).totalBytes + HEADER_ALLOWANCE;
      this.#bytesOf.set(study.digest, bytes);
    }
    return bytes;
  }
}
