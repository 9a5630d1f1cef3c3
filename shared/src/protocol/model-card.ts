import { z } from 'zod';
import { Count, DigestSchema, Id, Instant, SiteName } from './primitives.js';
import { BlobRef, TrainingMetrics } from './round.js';
import { StudyManifest } from './study.js';

/** What a site put into a model version. */
export const CardContributor = z.strictObject({
  siteId: Id,
  site: SiteName,
  labelled: Count,
  unlabelled: Count,
  steps: Count,
  weight: z.number().describe('share of the aggregate, 0 to 1'),
  update: DigestSchema.describe('of the update as it was aggregated'),
  metrics: TrainingMetrics,
});
export type CardContributor = z.infer<typeof CardContributor>;

/**
 * What is known of a model version when it is made; signed with it. What it is worth is measured afterwards and stands in
 * the transparency log (`model-measured`).
 */
export const ModelCard = z.strictObject({
  format: z.literal('consilium-model-card/1'),
  study: z.string(),
  studyDigest: DigestSchema.describe('of the settings in canonical JSON'),
  version: Count,
  createdAt: Instant,
  model: BlobRef,
  /** Null for the first model, which is drawn or taken from elsewhere. */
  round: z
    .strictObject({
      id: Id,
      number: Count,
      base: DigestSchema,
      contributors: z.array(CardContributor).max(1000),
    })
    .nullable(),
  settings: StudyManifest,
  intendedUse: z.string(),
  limits: z.array(z.string()),
});
export type ModelCard = z.infer<typeof ModelCard>;
