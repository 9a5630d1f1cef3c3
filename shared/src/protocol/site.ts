import { z } from 'zod';
import { Count, Id, Instant, SiteName } from './primitives.js';

/** Ed25519 public key as a JWK (RFC 8037). */
export const PublicKey = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes in base64url'),
});
export type PublicKey = z.infer<typeof PublicKey>;

export const EnrolmentCodeRequest = z.strictObject({
  name: SiteName,
  role: z.enum(['trainer', 'observer']).default('trainer'),
});
export const EnrolmentCode = z.strictObject({ name: SiteName, code: z.string(), expiresAt: Instant });
export type EnrolmentCode = z.infer<typeof EnrolmentCode>;

/** Counts only: never a file name. */
export const DataCard = z.strictObject({ labelled: Count, unlabelled: Count, validation: Count });
export type DataCard = z.infer<typeof DataCard>;

export const EnrolRequest = z.strictObject({
  code: z.string().min(1).max(100),
  publicKey: PublicKey,
  software: z.string().max(100),
});
export type EnrolRequest = z.infer<typeof EnrolRequest>;
export const Enrolled = z.strictObject({
  siteId: Id,
  name: SiteName,
  role: z.enum(['trainer', 'observer']),
  audience: z.string(),
});
export type Enrolled = z.infer<typeof Enrolled>;

/** A site that has enrolled takes part once the operator has approved its key. */
export const SiteState = z.enum(['pending', 'enrolled', 'revoked']);
export type SiteState = z.infer<typeof SiteState>;

/** Whether the operator has approved the key that enrolled: all that a site may ask before. */
export const SiteApproval = z.strictObject({ state: SiteState });
export type SiteApproval = z.infer<typeof SiteApproval>;

/** As the site's people read it out, in whatever case and grouping it was typed. */
export const ApproveRequest = z.strictObject({ fingerprint: z.string().min(1).max(100) });

/** What a node says of itself when its socket opens. */
export const SiteHello = z.strictObject({
  protocolVersion: z.int(),
  software: z.string().max(100),
  engine: z.string().max(200),
  data: DataCard,
});
export type SiteHello = z.infer<typeof SiteHello>;

/** A site that did nothing for a round it was a member of: the next rounds do not wait for it. */
export const Exclusion = z.strictObject({ site: SiteName, since: Instant, sentence: z.string().max(500) });
export type Exclusion = z.infer<typeof Exclusion>;

export const SiteView = z.strictObject({
  id: Id,
  name: SiteName,
  role: z.enum(['trainer', 'observer']),
  state: SiteState,
  connected: z.boolean(),
  lastSeen: Instant.nullable(),
  software: z.string().nullable(),
  engine: z.string().nullable(),
  data: DataCard.nullable(),
  /** RFC 7638 thumbprint of its public key; people compare `spokenFingerprint` of it. */
  keyFingerprint: z.string(),
  exclusion: Exclusion.nullable(),
});
export type SiteView = z.infer<typeof SiteView>;
