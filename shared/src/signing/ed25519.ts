import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from '../canonical/canonical.js';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64url, toBase64url } from './base64.js';

/** Whoever holds an Ed25519 key (RFC 8032) and signs with it: 64 bytes, the same for the same bytes. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(bytes: Uint8Array): Uint8Array;
}

/** Never throws on what others have signed. Processes that have a faster one than the portable one hand it over. */
export type VerifySignature = (signature: Uint8Array, bytes: Uint8Array, publicKey: PublicKey) => boolean;

export const verifySignature: VerifySignature = (signature, bytes, publicKey) => {
  const key = rawPublicKey(publicKey);
  if (key === null || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, bytes, key, { zip215: false });
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
};

/** `secret`: 32 bytes that nobody else has. */
export function signerOf(secret: Uint8Array): Signer {
  const publicKey: PublicKey = { kty: 'OKP', crv: 'Ed25519', x: toBase64url(ed25519.getPublicKey(secret)) };
  return { publicKey, sign: (bytes) => ed25519.sign(bytes, secret) };
}

/** 32 bytes; null where the JWK does not hold so many. */
export function rawPublicKey({ x }: PublicKey): Uint8Array | null {
  const bytes = fromBase64url(x);
  return bytes?.length === 32 ? bytes : null;
}

/** RFC 7638: names a key by its SHA-256, in base64url. */
export function keyThumbprint({ crv, kty, x }: PublicKey): string {
  return toBase64url(sha256(utf8ToBytes(canonicalJson({ crv, kty, x }))));
}
