import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import {
  admitContainer,
  aggregate,
  aggregationRules,
  checkValues,
  ContainerError,
  decodeContainer,
  encodeContainer,
  float32Tensor,
  float32Values,
  modelTensors,
  readContainerHeader,
  sourceOf,
  valueRanges,
  type Digest,
  type NamedTensors,
  type Refusal,
  type StudyManifest,
} from '@consilium/shared';
import { BlobStore } from '../blobs/blob-store.js';
import type { AggregationJob, ModelArithmetic } from './model-arithmetic.js';

@Injectable()
export class InProcessArithmetic implements ModelArithmetic {
  constructor(private readonly store: BlobStore) {}

  async admit(update: { manifest: StudyManifest; base: Digest; blob: Digest }): Promise<Refusal | null> {
    const bytes = await readFile(this.store.pathOf(update.blob));
    const tensors = modelTensors(update.manifest.model);
    try {
      const refusal = admitContainer(readContainerHeader(bytes, bytes.length), tensors);
      if (refusal) return refusal;
    } catch (error) {
      if (error instanceof ContainerError) return error.refusal;
      throw error;
    }
    const ranges = valueRanges(sourceOf(await this.#load(update.base)), tensors);
    for (const [name, tensor] of decodeContainer(bytes).tensors) {
      const refusal = checkValues(name, ranges.get(name)!, float32Values(tensor), 0);
      if (refusal) return refusal;
    }
    return null;
  }

  async aggregate(job: AggregationJob): Promise<{ digest: Digest; bytes: number }> {
    const tensors = modelTensors(job.manifest.model);
    const base = sourceOf(await this.#load(job.base));
    const updates = [];
    for (const { blob, weight } of job.updates) updates.push({ source: sourceOf(await this.#load(blob)), weight });
    const result: NamedTensors = new Map(tensors.map(({ name, shape }) => [name, float32Tensor(shape)]));
    const targets = [...result.values()].map(float32Values);
    let [tensor, at] = [0, 0];
    aggregate({
      base,
      updates,
      tensors,
      ranges: valueRanges(base, tensors),
      rule: aggregationRules[job.manifest.aggregation.rule],
      write: (values) => {
        targets[tensor]!.set(values, at);
        at += values.length;
        if (at === targets[tensor]!.length) [tensor, at] = [tensor + 1, 0];
      },
    });
    return this.store.put(encodeContainer(result));
  }

  async #load(digest: Digest): Promise<NamedTensors> {
    return decodeContainer(await readFile(this.store.pathOf(digest))).tensors;
  }
}
