import type { BlobRef, DataCard, StudyManifest, TrainingMetrics } from '@consilium/shared';
import type { Precision } from '../engine/precision.js';
import type { Scalars } from '../scalars/event-records.js';
import type { FailureKind } from '../settings/failure.js';

/**
 * What the agent and its trainer process say to each other over IPC. Both are this program, started together, so the
 * types need no parsing. Tensors and volumes go by file, never by message.
 */
export interface SurveyJob {
  kind: 'survey';
  data: string | null;
  validation: string | null;
  /** An observer measures models and needs no engine that can train. */
  needsTraining: boolean;
}
export interface Survey {
  engine: string;
  card: DataCard;
  /** One sentence for each volume that is left out. */
  findings: string[];
}

/** What this site keeps to itself of every model that it trains, whatever the study shares. */
export interface Withheld {
  /** Labelled voxels behind a prototype or a class mean: with fewer it is not shared. */
  minimumSupport: number;
  /** Batch norm's running moments. */
  statistics: boolean;
}

export interface TrainJob {
  kind: 'train';
  study: StudyManifest;
  studyDigest: string;
  /** 1 for the first. */
  round: number;
  seed: number;
  data: string;
  base: string;
  /** Checkpoint and finished update are kept here. */
  folder: string;
  /** What the study leaves to each site is kept here from round to round. */
  local: string;
  withheld: Withheld;
}
export interface TrainedUpdate {
  blob: BlobRef;
  labelled: number;
  unlabelled: number;
  steps: number;
  metrics: TrainingMetrics;
  /** Steps that a checkpoint of an earlier process had already done. */
  resumedFrom: number;
}

export interface EvaluateJob {
  kind: 'evaluate';
  study: Pick<StudyManifest, 'model' | 'spacing'>;
  model: string;
  validation: string;
}
export interface VolumeFigures {
  name: string;
  dice: number;
  jaccard: number;
  /** mm; null where the prediction was empty. */
  hd95: number | null;
  asd: number | null;
}
export interface Evaluated {
  volumes: VolumeFigures[];
  mean: Omit<VolumeFigures, 'name'>;
}

export interface PredictJob {
  kind: 'predict';
  study: Pick<StudyManifest, 'model' | 'spacing'>;
  model: string;
  images: string[];
  folder: string;
}
export interface Predicted {
  written: { image: string; prediction: string }[];
  failed: { image: string; sentence: string }[];
  /** Most resident memory that the trainer process has had. */
  peakMegabytes: number;
}

export interface RiskJob {
  kind: 'risk';
  study: Pick<StudyManifest, 'model' | 'spacing'>;
  data: string;
  /** The model that was trained on, and the update that came of it. */
  base: string;
  update: string;
  seed: number;
  iterations: number;
  /** Gets the patch and what was recovered of it as NIfTI; null keeps none. */
  folder: string | null;
}
/** An attempt to recover one patch from a gradient. */
export interface Attack {
  gradient: 'one-step' | 'update' | 'other-patch';
  /** Between the gradient and that of the recovered image, -1 to 1. */
  cosine: number;
  /** Correlation of the recovered image with the patch, -1 to 1. */
  likeness: number;
}
export interface RiskProbed {
  attacks: Attack[];
}

export type Job = SurveyJob | TrainJob | EvaluateJob | PredictJob | RiskJob;

interface Results {
  survey: Survey;
  train: TrainedUpdate;
  evaluate: Evaluated;
  predict: Predicted;
  risk: RiskProbed;
}
export type ResultOf<J extends Job> = Results[J['kind']];
export type Result = Results[Job['kind']];

/** How far a job is, in its own unit: steps of training, iterations of an attack, volumes of the others. */
export interface JobProgress {
  done: number;
  total: number;
  metrics: TrainingMetrics | null;
  /** Of training: share of the time that went by without a batch. Stays at the site. */
  dataWaitShare?: number;
  /** Of the step that is done. Stays at the site. */
  scalars?: Scalars;
  /** Windows of the volume under way, where volumes are predicted. */
  windows?: { done: number; total: number };
}

export type ToTrainer = { type: 'job'; id: number; job: Job } | { type: 'abort'; id: number };

export type FromTrainer =
  | { type: 'progress'; id: number; progress: JobProgress }
  | { type: 'note'; level: 'info' | 'warn'; sentence: string }
  | { type: 'done'; id: number; result: Result }
  | { type: 'failed'; id: number; kind: FailureKind; sentence: string }
  | { type: 'aborted'; id: number };

/** What every job needs from the node's settings; given to the process when it starts. */
export interface TrainerOptions {
  threads: number;
  cache: string;
  memoryMegabytes: number;
  /** Of resampled volumes on disk. */
  cacheMegabytes: number;
  /** Threads that prepare batches; 0 = the one that trains. */
  dataWorkers: number;
  checkpointSeconds: number;
  inference: {
    /** Of neighbouring windows: share of a patch's side; where there is no stride. */
    overlap: number;
    /** Voxels between neighbouring windows [h, w, d]. */
    stride: readonly [number, number, number] | null;
    weighting: 'uniform' | 'gaussian';
    /** Windows that go through the network together. */
    batch: number;
  };
  /** Of convolutions when training. */
  precision: Precision;
  allowJavascriptEngine: boolean;
}
