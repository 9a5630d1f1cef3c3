import {
  admitContainer,
  aggregate,
  ContainerError,
  initialTensor,
  layOutAggregate,
  layOutContainer,
  modelTensors,
  valueRanges,
  type AggregationSettings,
  type ContainerLayout,
  type Digest,
  type ExpectedTensor,
  type ModelSettings,
  type Refusal,
  type ValueRange,
} from '@consilium/shared';
import { checkValues, type Admitted } from './check-values.js';
import { TensorFile } from './tensor-file.js';
import { TensorFileWriter } from './tensor-file-writer.js';

/** A model of the blob store. */
export interface ModelFile {
  path: string;
  digest: Digest;
}

/** A study's first model. */
export interface InitialJob {
  kind: 'initial';
  model: ModelSettings;
  seed: number;
  /** A file that does not exist yet; after a failure it does not exist either. */
  output: string;
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
  settings: AggregationSettings;
  /** Names the round, for what is drawn at random in it. */
  seed: string;
  /** Container of what the server's optimiser kept of the rounds before, where the rule has one and there were any. */
  optimiser: string | null;
  /** Files that do not exist yet; after a failure they do not exist either. The second is made where the rule has an optimiser. */
  output: string;
  optimiserOutput: string;
}

export interface WrittenContainer {
  digest: Digest;
  bytes: number;
}

export interface AggregatedModel extends WrittenContainer {
  /** What the server's optimiser keeps for the next round. */
  optimiser: WrittenContainer | null;
}

export interface JobResults {
  initial: WrittenContainer;
  check: Refusal | Admitted;
  aggregate: AggregatedModel;
}

export type Job = InitialJob | CheckJob | AggregateJob;

/** Runs in the worker thread: reads and computes without a pause. */
export class AggregationJobs {
  /** Ranges of the newest bases, which all updates of a round share. */
  readonly #ranges = new Map<Digest, Map<string, ValueRange>>();

  run(job: Job): JobResults[keyof JobResults] {
    switch (job.kind) {
      case 'initial':
        return this.#initial(job);
      case 'check':
        return this.check(job);
      case 'aggregate':
        return this.aggregate(job);
    }
  }

  /** Tensor by tensor: of a large network not even one copy is in memory. */
  #initial({ model, seed, output }: InitialJob): WrittenContainer {
    const specs = new Map(modelTensors(model).map((spec) => [spec.name, spec]));
    const layout = layOutContainer([...specs.values()].map(({ name, shape }) => ({ name, shape, dtype: 'float32' })));
    const writer = new TensorFileWriter(output, layout);
    try {
      for (const { name } of layout.entries) writer.write(initialTensor(specs.get(name)!, seed));
      return writer.finish();
    } catch (error) {
      writer.abandon();
      throw error;
    }
  }

  check({ base, update, tensors, maximumNorm }: CheckJob): Refusal | Admitted {
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

  aggregate(job: AggregateJob): AggregatedModel {
    const { base, settings, seed } = job;
    const layout = layOutAggregate(job.tensors, settings);
    const { tensors } = layout;
    const files = new OpenFiles();
    const writers = new Writers();
    try {
      const model = writers.open(job.output, layout.model);
      const optimiser = layout.optimiser && writers.open(job.optimiserOutput, layout.optimiser);
      aggregate({
        base: files.open(base.path),
        updates: job.updates.map(({ path, weight }) => ({ source: files.open(path), weight })),
        tensors,
        ranges: this.#rangesOf(base, tensors),
        settings,
        seed,
        state: job.optimiser === null ? null : files.open(job.optimiser),
        write: (values) => model.write(values),
        writeState: (values) => optimiser?.write(values),
      });
      return { ...model.finish(), optimiser: optimiser?.finish() ?? null };
    } catch (error) {
      writers.abandon();
      throw error;
    } finally {
      files.close();
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

class OpenFiles {
  readonly #files: TensorFile[] = [];

  open(path: string): TensorFile {
    const file = new TensorFile(path);
    this.#files.push(file);
    return file;
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

class Writers {
  readonly #writers: TensorFileWriter[] = [];

  open(path: string, layout: ContainerLayout): TensorFileWriter {
    const writer = new TensorFileWriter(path, layout);
    this.#writers.push(writer);
    return writer;
  }

  abandon(): void {
    for (const writer of this.#writers) writer.abandon();
  }
}
