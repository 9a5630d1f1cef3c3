import { z } from 'zod';
import { Id, Instant } from './primitives.js';
import { PublicKey } from './site.js';

/** RFC 7638 thumbprint of a public key. */
const Fingerprint = z.string().max(64);
/** Compact serialisation (RFC 7515), EdDSA. */
const Jws = z.string().max(4096);

/** What a site says when another key takes the place of its present one. */
export const KeyChange = z.strictObject({
  siteId: Id,
  former: Fingerprint.describe('of the key in force until now'),
  publicKey: PublicKey.describe('in force from now on'),
  at: Instant.describe("by the site's clock"),
});
export type KeyChange = z.infer<typeof KeyChange>;

/** The same words twice: the former key lets the new one in, and the new one shows that the site holds it. */
export const SubmitKeyChange = z.strictObject({
  endorsement: Jws.describe('by the former key'),
  possession: Jws.describe('by the new one'),
});
export type SubmitKeyChange = z.infer<typeof SubmitKeyChange>;
