import { utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64url } from './base64.js';
import { verifySignature, type VerifySignature } from './ed25519.js';

/** Nothing that would change what is signed (`b64`) or what has to be understood (`crit`). */
const Header = z.strictObject({ alg: z.literal('EdDSA'), kid: z.string().optional(), typ: z.string().optional() });

export interface OpenedJws {
  kid: string | undefined;
  payload: Uint8Array;
}

/** What `publicKey` signed as a compact JWS (RFC 7515, EdDSA by RFC 8037); null where it did not. */
export function openJws(
  jws: string,
  publicKey: PublicKey,
  verify: VerifySignature = verifySignature,
): OpenedJws | null {
  const parts = jws.split('.');
  const [header, payload, signature] = parts.map(fromBase64url);
  if (parts.length !== 3 || !header || !payload || !signature) return null;
  const parsed = Header.safeParse(parseJson(header));
  if (!parsed.success) return null;
  if (!verify(signature, utf8ToBytes(`${parts[0]}.${parts[1]}`), publicKey)) return null;
  return { kid: parsed.data.kid, payload };
}

/** Undefined for bytes that are no JSON text in UTF-8. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
