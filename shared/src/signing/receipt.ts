import { utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { canonicalJson } from '../canonical/canonical.js';
import { DigestSchema, Instant } from '../protocol/primitives.js';
import type { PublicKey } from '../protocol/site.js';
import { parseJson } from './compact-jws.js';
import { openEnvelope, signEnvelope, type DsseEnvelope } from './dsse.js';
import type { Signer, VerifySignature } from './ed25519.js';

const PAYLOAD_TYPE = 'application/vnd.consilium.receipt+json';

/** What the server holds itself to towards a site: what was sent stands in this log, at this place, with this verdict. */
export const Receipt = z.strictObject({
  origin: z.string().min(1).max(200),
  index: z.int().min(0).describe('of the log entry'),
  leaf: DigestSchema.describe("the entry's leaf hash"),
  submission: DigestSchema.describe('of the JWS as it was sent'),
  verdict: z.enum(['accepted', 'quarantined', 'refused']),
  at: Instant,
});
export type Receipt = z.infer<typeof Receipt>;

export function signReceipt(receipt: Receipt, signer: Signer): DsseEnvelope {
  return signEnvelope(PAYLOAD_TYPE, utf8ToBytes(canonicalJson(receipt)), signer);
}

/** The receipt that `publicKey` signed; null where it did not. */
export function openReceipt(envelope: DsseEnvelope, publicKey: PublicKey, verify?: VerifySignature): Receipt | null {
  const payload = openEnvelope(envelope, PAYLOAD_TYPE, publicKey, verify);
  return payload === null ? null : receiptIn(payload);
}

function receiptIn(payload: Uint8Array): Receipt | null {
  const parsed = Receipt.safeParse(parseJson(payload));
  return parsed.success ? parsed.data : null;
}
