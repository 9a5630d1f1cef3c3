import type { Digest, Refusal, StudyManifest } from '@consilium/shared';

export const MODEL_ARITHMETIC = Symbol('model arithmetic');

export interface AggregationJob {
  manifest: StudyManifest;
  base: Digest;
  /** Weights are whole thousandths of a labelled volume; at least one is above 0. */
  updates: { blob: Digest; weight: number }[];
}

/** What rounds need done with tensors, away from the thread that answers requests. Blobs are named by digest. */
export interface ModelArithmetic {
  /** Null where the blob is a container that may enter an aggregate on this base. */
  admit(update: { manifest: StudyManifest; base: Digest; blob: Digest }): Promise<Refusal | null>;
  /** The new model is in the blob store, complete, when this resolves. The same job gives the same digest. */
  aggregate(job: AggregationJob): Promise<{ digest: Digest; bytes: number }>;
}
