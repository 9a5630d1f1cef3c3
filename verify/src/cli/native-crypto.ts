import { createHash, createPublicKey, verify } from 'node:crypto';
import type { Sha256, VerifySignature } from '@consilium/shared';

/** OpenSSL's, in place of the portable ones: some forty times faster on a long log. */
export const sha256: Sha256 = (bytes) => createHash('sha256').update(bytes).digest();

export const verifySignature: VerifySignature = (signature, bytes, publicKey) => {
  try {
    return verify(null, bytes, createPublicKey({ key: publicKey, format: 'jwk' }), signature);
  } catch {
    // Bytes that are no key.
    return false;
  }
};
