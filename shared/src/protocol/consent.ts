import { z } from 'zod';
import { DsseEnvelope } from '../signing/dsse.js';
import { DigestSchema, Id, Instant, SiteName } from './primitives.js';
import { StudyState } from './study.js';

export const ConsentDecision = z.enum(['given', 'withdrawn']);
export type ConsentDecision = z.infer<typeof ConsentDecision>;

/** What a site signs (compact JWS, EdDSA, the site's key) about a study: by its digest, so that a changed study is another one. */
export const ConsentStatement = z.strictObject({
  decision: ConsentDecision,
  studyDigest: DigestSchema,
  siteId: Id,
  at: Instant.describe("by the site's clock"),
});
export type ConsentStatement = z.infer<typeof ConsentStatement>;

export const SubmitConsent = z.strictObject({ jws: z.string().max(4096) });

/** A study that is not over, as the server signs for it, and what this site has said to it; null while it has said nothing. */
export const StudyOffer = z.strictObject({
  digest: DigestSchema,
  state: StudyState,
  envelope: DsseEnvelope.describe("over the study's settings: `openStudy`"),
  consent: ConsentDecision.nullable(),
});
export type StudyOffer = z.infer<typeof StudyOffer>;

/** A site's word on a study, as operators see it. */
export const StudyConsent = z.strictObject({ siteId: Id, site: SiteName, decision: ConsentDecision, at: Instant });
export type StudyConsent = z.infer<typeof StudyConsent>;
