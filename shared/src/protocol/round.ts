import { z } from 'zod';
import { StudyOffer } from './consent.js';
import { Count, DigestSchema, Id, Instant, SiteName } from './primitives.js';
import { CheckpointNote, SignedReceipt } from './receipt.js';
import { Quarantine, Refusal } from './refusal.js';
import { Exclusion } from './site.js';
import { StudyManifest, StudyState, TransferEncoding } from './study.js';

export const RoundState = z.enum(['planned', 'open', 'collecting', 'aggregating', 'committed', 'aborted']);
export type RoundState = z.infer<typeof RoundState>;

export const BlobRef = z.strictObject({ digest: DigestSchema, bytes: z.int().min(1) });
export type BlobRef = z.infer<typeof BlobRef>;

/** One request that moved bytes of a blob, as seen from the site. */
export const Transfer = z.strictObject({
  direction: z.enum(['up', 'down']),
  digest: DigestSchema,
  encoding: TransferEncoding,
  bytes: z.int().describe('of the body, as they travelled'),
  milliseconds: z.int(),
  startedAt: Instant,
});
export type Transfer = z.infer<typeof Transfer>;

/** A site's transfers of the last 90 days in one direction. */
export const SiteTraffic = z.strictObject({
  siteId: Id,
  direction: z.enum(['up', 'down']),
  transfers: z.int(),
  bytes: z.int(),
  bytesPerSecond: z.int().nullable().describe('while bytes were moving'),
});
export type SiteTraffic = z.infer<typeof SiteTraffic>;

export const ModelVersion = z.strictObject({
  studyId: Id,
  /** 0 is the initial model; version n is what round n committed. */
  version: Count,
  blob: BlobRef,
  createdAt: Instant,
});
export type ModelVersion = z.infer<typeof ModelVersion>;

/** Names from a closed list, finite numbers only: nothing else about training leaves a site. */
export const TrainingMetrics = z.strictObject({
  loss: z.number(),
  supervised: z.number().nullable(),
  unsupervised: z.number().nullable(),
  cps: z.number().nullable(),
  secondsPerStep: z.number().min(0),
});
export type TrainingMetrics = z.infer<typeof TrainingMetrics>;

export const Progress = z.strictObject({
  roundId: Id,
  phase: z.enum(['fetching', 'evaluating', 'training', 'uploading']),
  done: Count,
  total: Count,
  metrics: TrainingMetrics.nullable(),
});
export type Progress = z.infer<typeof Progress>;

/** What a site signs (compact JWS, EdDSA, the site's key) and submits once its blob is on the server. */
export const UpdateManifest = z.strictObject({
  studyDigest: DigestSchema,
  roundId: Id,
  siteId: Id,
  base: DigestSchema,
  blob: BlobRef,
  labelled: Count,
  unlabelled: Count,
  steps: Count,
  metrics: TrainingMetrics,
  software: z.string().max(100),
});
export type UpdateManifest = z.infer<typeof UpdateManifest>;

export const SubmitUpdate = z.strictObject({ jws: z.string().max(16_384) });
/** `receipt`: null for an update that came before the server kept a log. */
const receipt = SignedReceipt.nullable();
export const SubmitAnswer = z.union([
  z.strictObject({ accepted: z.literal(true), updateId: Id, receipt }),
  z.strictObject({ accepted: z.literal(false), refusal: Refusal, receipt }),
]);
export type SubmitAnswer = z.infer<typeof SubmitAnswer>;
export const UpdateReceipt = z.strictObject({ receipt });

/** What a site's node has to do now; the socket only says that this may have changed. */
export const Assignment = z.strictObject({
  /** Studies that are not over, newest first. A site works for none that it has not consented to. */
  offers: z.array(StudyOffer).max(100),
  study: z.strictObject({ id: Id, digest: DigestSchema, manifest: StudyManifest }).nullable(),
  /** The newest committed model: an observer, or a site with validation volumes, measures it. */
  model: ModelVersion.nullable(),
  /** The open round in which this site is a member and has not submitted. */
  round: z
    .strictObject({
      id: Id,
      number: Count,
      base: BlobRef,
      deadline: Instant,
      /** Closed rounds whose update of this site, should it still come, counts as its update for this round. */
      late: z.array(Id).max(100),
    })
    .nullable(),
  /** Sites that are not invited until they are back, this one perhaps among them. */
  exclusions: z.array(Exclusion).max(1000),
  /** No further round will open. */
  finished: z.boolean(),
  /** Of the log as it is now: the site keeps it as witness. */
  checkpoint: CheckpointNote,
});
export type Assignment = z.infer<typeof Assignment>;

/** Why a member leaves a round that waits for it. What stopped it stays at the site: its gate's objection may show a piece of content. */
export const LeaveRound = z.strictObject({ reason: z.enum(['stopped-at-site', 'failed-at-site']) });
export type LeaveRound = z.infer<typeof LeaveRound>;

/** A site's figures of one model version on its own validation volumes; means over volumes of foreground classes. */
export const Evaluation = z.strictObject({
  studyId: Id,
  model: DigestSchema,
  volumes: z.int().min(1).max(100_000),
  dice: z.number().min(0).max(1),
  hd95: z.number().min(0).nullable().describe('mm; null where a prediction was empty'),
});
export type Evaluation = z.infer<typeof Evaluation>;

export const Contribution = z.strictObject({
  siteId: Id,
  site: SiteName,
  state: z.enum([
    'invited',
    'fetching',
    'evaluating',
    'training',
    'uploading',
    'accepted',
    'quarantined',
    'refused',
    'lapsed',
    'missed',
  ]),
  done: Count,
  total: Count,
  labelled: Count.nullable(),
  unlabelled: Count.nullable(),
  weight: z.number().nullable().describe('share of the aggregate, 0 to 1'),
  bytes: z.int().nullable(),
  metrics: TrainingMetrics.nullable(),
  refusal: Refusal.nullable(),
  /** The stored update, whatever became of it. */
  updateId: Id.nullable(),
  /** Why the update waits, or waited, for a person. */
  quarantine: Quarantine.nullable(),
  norm: z.number().nullable().describe('L2 norm of the change of trained parameters'),
  staleness: Count.describe('rounds between the one that the update was trained for and this one; 0 unless carried'),
});
export type Contribution = z.infer<typeof Contribution>;

export const SiteDice = z.strictObject({
  site: SiteName,
  dice: z.number(),
  hd95: z.number().nullable(),
  volumes: z.int(),
});
export type SiteDice = z.infer<typeof SiteDice>;

export const RoundView = z.strictObject({
  id: Id,
  studyId: Id,
  number: Count,
  state: RoundState,
  base: DigestSchema,
  result: BlobRef.nullable(),
  openedAt: Instant.nullable().describe('null while it is planned'),
  deadline: Instant.nullable().describe('null while it is planned'),
  closedAt: Instant.nullable(),
  reason: z.string().nullable().describe('why a round was aborted, or what a planned one waits for'),
  quorum: Count,
  contributions: z.array(Contribution),
  /** Of the model this round committed, by site; grows as sites report. */
  evaluations: z.array(SiteDice),
  /** Mean of the evaluations over volumes; null until one arrives. */
  dice: z.number().nullable(),
  /** Mean of the contributions' losses by weight; null until one is accepted. */
  loss: z.number().nullable(),
  /** Bytes of accepted updates. */
  bytes: z.int(),
});
export type RoundView = z.infer<typeof RoundView>;

/** One report of a site's training, as charts of a round show it. */
export const MetricPoint = z.strictObject({ site: SiteName, step: Count, metrics: TrainingMetrics });
export type MetricPoint = z.infer<typeof MetricPoint>;

export const StudyView = z.strictObject({
  id: Id,
  digest: DigestSchema,
  state: StudyState,
  reason: z.string().nullable(),
  manifest: StudyManifest,
  createdAt: Instant,
  roundsCommitted: Count,
  initialDice: z.number().nullable(),
});
export type StudyView = z.infer<typeof StudyView>;
