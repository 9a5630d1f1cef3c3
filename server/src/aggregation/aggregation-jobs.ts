import {
  admitContainer,
  aggregate,
  aggregationRules,
  ContainerError,
  layOutContainer,
  valueRanges,
  type AggregationSettings,
  type Change,
  type Digest,
  type ExpectedTensor,
  type Refusal,
  type ValueRange,
} from '@consilium/shared';
import { checkValues } from './check-values.js';
import { TensorFile } from './tensor-file.js';
import { TensorFileWriter } from './tensor-file-writer.js';

/** A model of the blob store. */
export interface ModelFile {
  path: string;
  digest: Digest;
}

/** Does the update in `update` hold what a model of this study holds, within what its base allows? */
export interface CheckJob {
  kind: 'check';
  base: ModelFile;
  update: string;
  tensors: readonly ExpectedTensor[];
  /** Of the change, in norms of the base. */
  maximumNorm: number;
}

/** The next model from updates that have passed their check. */
export interface AggregateJob {
  kind: 'aggregate';
  base: ModelFile;
  /** Weights are whole numbers, thousandths of a labelled volume; at least one is above 0. */
  updates: readonly { path: string; weight: number }[];
  tensors: readonly ExpectedTensor[];
  rule: AggregationSettings['rule'];
  /** A file that does not exist yet; after a failure it does not exist either. */
  output: string;
}

export interface JobResults {
  check: Refusal | Change;
  aggregate: { digest: Digest; bytes: number };
}

/** Runs in the worker thread: reads and computes without a pause. */
export class AggregationJobs {
  /** Ranges of the newest bases, which all updates of a round share. */
  readonly #ranges = new Map<Digest, Map<string, ValueRange>>();

  check({ base, update, tensors, maximumNorm }: CheckJob): Refusal | Change {
    let file: TensorFile;
    try {
      file = new TensorFile(update);
    } catch (error) {
      if (error instanceof ContainerError) return error.refusal;
      throw error;
    }
    const before = new TensorFile(base.path);
    try {
      const unfit = admitContainer(file.header, tensors);
      return unfit ?? checkValues({ file, before, tensors, ranges: this.#rangesOf(base, tensors), maximumNorm });
    } finally {
      before.close();
      file.close();
    }
  }

  aggregate({ base, updates, tensors, rule, output }: AggregateJob): { digest: Digest; bytes: number } {
    const ranges = this.#rangesOf(base, tensors);
    const layout = layOutContainer(tensors.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })));
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const files: TensorFile[] = [];
    const open = (path: string) => {
      const file = new TensorFile(path);
      files.push(file);
      return file;
    };
    const writer = new TensorFileWriter(output, layout);
    try {
      aggregate({
        base: open(base.path),
        updates: updates.map(({ path, weight }) => ({ source: open(path), weight })),
        tensors: layout.entries.map(({ name }) => byName.get(name)!),
        ranges,
        rule: aggregationRules[rule],
        write: (values) => writer.write(values),
      });
      return writer.finish();
    } catch (error) {
      writer.abandon();
      throw error;
    } finally {
      for (const file of files) file.close();
    }
  }

  #rangesOf(base: ModelFile, tensors: readonly ExpectedTensor[]): Map<string, ValueRange> {
    const known = this.#ranges.get(base.digest);
    if (known) return known;
    const file = new TensorFile(base.path);
    try {
      const ranges = valueRanges(file, tensors);
      this.#ranges.set(base.digest, ranges);
      const [oldest] = this.#ranges.keys();
      if (this.#ranges.size > 4) this.#ranges.delete(oldest);
      return ranges;
    } finally {
      file.close();
    }
  }
}
