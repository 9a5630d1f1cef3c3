import { utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson, digestOfBytes, type Digest } from '../canonical/canonical.js';
import type { PublicKey } from '../protocol/site.js';
import { StudyManifest } from '../protocol/study.js';
import { parseJson } from './compact-jws.js';
import { openEnvelope, signEnvelope, type DsseEnvelope } from './dsse.js';
import type { Signer, VerifySignature } from './ed25519.js';

const PAYLOAD_TYPE = 'application/vnd.consilium.study+json';

/** `manifest`: as it was written when the study was created; its canonical JSON is what the study's digest names. */
export function signStudy(manifest: unknown, signer: Signer): DsseEnvelope {
  return signEnvelope(PAYLOAD_TYPE, utf8ToBytes(canonicalJson(manifest)), signer);
}

/** The study whose settings `publicKey` signed; null where it did not, or where they are not those of a study. */
export function openStudy(
  envelope: DsseEnvelope,
  publicKey: PublicKey,
  verify?: VerifySignature,
): { digest: Digest; manifest: StudyManifest } | null {
  const payload = openEnvelope(envelope, PAYLOAD_TYPE, publicKey, verify);
  if (payload === null) return null;
  const parsed = StudyManifest.safeParse(parseJson(payload));
  return parsed.success ? { digest: digestOfBytes(payload), manifest: parsed.data } : null;
}
