import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64, toBase64 } from './base64.js';
import { keyThumbprint, verifySignature, type Signer, type VerifySignature } from './ed25519.js';

/** Dead Simple Signing Envelope (secure-systems-lab/dsse 1.0.0), JSON form. `keyid`: RFC 7638 thumbprint of the signer's key. */
export const DsseEnvelope = z.strictObject({
  payload: z.base64(),
  payloadType: z.string().min(1).max(200),
  signatures: z
    .array(z.strictObject({ keyid: z.string().max(200).optional(), sig: z.base64() }))
    .min(1)
    .max(16),
});
export type DsseEnvelope = z.infer<typeof DsseEnvelope>;

export function signEnvelope(payloadType: string, payload: Uint8Array, signer: Signer): DsseEnvelope {
  const sig = toBase64(signer.sign(preAuthentication(payloadType, payload)));
  return { payload: toBase64(payload), payloadType, signatures: [{ keyid: keyThumbprint(signer.publicKey), sig }] };
}

/** The payload of this type that `publicKey` signed; null where it did not. `keyid` is a hint and proves nothing. */
export function openEnvelope(
  envelope: DsseEnvelope,
  payloadType: string,
  publicKey: PublicKey,
  verify: VerifySignature = verifySignature,
): Uint8Array | null {
  const payload = fromBase64(envelope.payload);
  if (payload === null || envelope.payloadType !== payloadType) return null;
  const signed = preAuthentication(payloadType, payload);
  const isSigned = envelope.signatures.some(({ sig }) => {
    const signature = fromBase64(sig);
    return signature !== null && verify(signature, signed, publicKey);
  });
  return isSigned ? payload : null;
}

/** What is signed: type and body with their lengths, so that neither can be taken for the other (DSSE protocol, PAE). */
export function preAuthentication(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8ToBytes(payloadType);
  return concatBytes(utf8ToBytes(`DSSEv1 ${type.length} `), type, utf8ToBytes(` ${payload.length} `), payload);
}
