import { z } from 'zod';
import { Count, DigestSchema, Id, Instant } from './primitives.js';
import { ModelVersion, SiteDice } from './round.js';
import { StudyManifest } from './study.js';

const sentence = z.string().trim().min(1).max(1000);

/** `unmeasured: accept` releases a version that sites which measured the one in use have not measured yet. */
export const PromoteRequest = z.strictObject({
  reason: sentence.nullable().default(null),
  unmeasured: z.enum(['refuse', 'accept']).default('refuse'),
});
export type PromoteRequest = z.infer<typeof PromoteRequest>;

export const RollBackRequest = z.strictObject({ reason: sentence.nullable().default(null) });
export type RollBackRequest = z.infer<typeof RollBackRequest>;

/** What somebody vouches for, in their own words. */
export const SignOffRequest = z.strictObject({ statement: sentence });
export type SignOffRequest = z.infer<typeof SignOffRequest>;

export const SignOff = z.strictObject({
  version: Count,
  operator: z.string().describe('the name as it was then'),
  statement: z.string(),
  at: Instant,
});
export type SignOff = z.infer<typeof SignOff>;

/** A version that became the one in use: promoted, or come back to. */
export const Release = z.strictObject({
  version: Count,
  action: z.enum(['promoted', 'rolled-back']),
  operator: z.string().describe('the name as it was then'),
  reason: z.string().nullable(),
  at: Instant,
});
export type Release = z.infer<typeof Release>;

/** A model version with what its sites measured. */
export const MeasuredModel = z.strictObject({
  version: Count,
  model: DigestSchema,
  dice: z.number().describe('mean over volumes'),
  sites: z.array(SiteDice),
});
export type MeasuredModel = z.infer<typeof MeasuredModel>;

/** Which version of a study is in use, which is the best, and how it came to that. */
export const ReleaseState = z.strictObject({
  studyId: Id,
  released: Release.nullable(),
  best: MeasuredModel.nullable(),
  signOffs: z.array(SignOff),
  history: z.array(Release).describe('oldest first'),
});
export type ReleaseState = z.infer<typeof ReleaseState>;

/** What a site predicts with. */
export const ReleasedModel = z.strictObject({
  studyDigest: DigestSchema,
  manifest: StudyManifest,
  model: ModelVersion,
  releasedAt: Instant,
});
export type ReleasedModel = z.infer<typeof ReleasedModel>;
