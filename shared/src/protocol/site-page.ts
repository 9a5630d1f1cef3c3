import { z } from 'zod';
import { DigestSchema, Instant } from './primitives.js';
import { StudyManifest } from './study.js';

/*
 * What a node's page on its own machine shows to the people of its site. None of it ever goes to the consortium's server; both
 * ends of this protocol are at the site.
 */

/** What the node is doing, and how the loss of the round under way has gone. */
export const NodeProgress = z.strictObject({
  at: Instant,
  state: z.string(),
  round: z.int().nullable(),
  done: z.int().nullable(),
  total: z.int().nullable(),
  /** Where the state has something to say. */
  sentence: z.string().nullable(),
  /** Mean loss of the round up to a step. */
  losses: z.array(z.strictObject({ step: z.int(), loss: z.number() })),
});
export type NodeProgress = z.infer<typeof NodeProgress>;

export const LocalSite = z.strictObject({
  software: z.string(),
  /** Null before the node is enrolled. */
  site: z.strictObject({ name: z.string(), role: z.string(), server: z.string(), fingerprint: z.string() }).nullable(),
  data: z.string().nullable(),
  /** Null before the node has run. */
  progress: NodeProgress.nullable(),
});
export type LocalSite = z.infer<typeof LocalSite>;

export const SentEntry = z.strictObject({
  index: z.int(),
  at: Instant,
  what: z.string(),
  way: z.string(),
  bytes: z.int(),
  digest: DigestSchema.nullable(),
  /** Why it stayed; null for what left. */
  refused: z.string().nullable(),
  /** Entry of the server's log that its signed receipt names. */
  receipt: z.int().nullable(),
});
export type SentEntry = z.infer<typeof SentEntry>;

/** The site's own log of what left, verified line by line. */
export const SentSummary = z.strictObject({
  entries: z.int(),
  kinds: z.array(z.strictObject({ what: z.string(), count: z.int(), bytes: z.int(), refused: z.int() })),
  /** The last of them, without progress reports, newest first. */
  newest: z.array(SentEntry),
});
export type SentSummary = z.infer<typeof SentSummary>;

export const LocalDecision = z.enum(['accepted', 'declined']);
export const LocalStudy = z.strictObject({
  digest: DigestSchema,
  seenAt: Instant,
  decision: LocalDecision.nullable(),
  manifest: StudyManifest,
});
export type LocalStudy = z.infer<typeof LocalStudy>;
export const DecideRequest = z.strictObject({ decision: LocalDecision });

const Triple = z.tuple([z.number(), z.number(), z.number()]).readonly();
export const LocalVolume = z.strictObject({
  name: z.string(),
  split: z.enum(['training', 'validation']),
  labelled: z.boolean(),
  shape: Triple.nullable(),
  /** mm */
  spacing: Triple.nullable(),
  orientation: z.string().nullable(),
  problems: z.array(z.string()),
  notes: z.array(z.string()),
  /** Whether a prediction by the model in force is there to be looked at. */
  predicted: z.boolean(),
});
export type LocalVolume = z.infer<typeof LocalVolume>;

export const LocalData = z.strictObject({
  /** About the folder itself. */
  problems: z.array(z.string()),
  volumes: z.array(LocalVolume),
  /** What predictions are made with; null while the node has no model. */
  model: z.string().nullable(),
});
export type LocalData = z.infer<typeof LocalData>;

export const PredictRequest = z.strictObject({ name: z.string().min(1).max(255) });
export const PredictAnswer = z.strictObject({ name: z.string(), model: z.string() });
