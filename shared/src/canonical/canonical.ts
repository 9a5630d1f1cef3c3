import canonicalize from 'canonicalize';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** SHA-256 in lower-case hexadecimal, 64 characters. Names every blob, manifest and model. */
export type Digest = string;

/** JSON in the one form that RFC 8785 gives it, so that equal values have equal bytes. Throws on what JSON cannot say. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError(`canonical JSON: expected a JSON value, got ${typeof value}`);
  return text;
}

export function digestOfBytes(bytes: Uint8Array): Digest {
  return bytesToHex(sha256(bytes));
}

export function digestOfJson(value: unknown): Digest {
  return digestOfBytes(utf8ToBytes(canonicalJson(value)));
}
