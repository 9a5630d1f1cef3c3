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

/** The value of a text that is canonical JSON; undefined for any other text. Many times as fast as writing the value again. */
export function parseCanonicalJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
    // Numbers and strings are in RFC 8785 as JavaScript writes them: what is left is the order of names.
    const isCanonical = JSON.stringify(value) === text && namesAscend(value);
    // Names like "10" are in an order of their own once parsed.
    return isCanonical || canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

function namesAscend(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(namesAscend);
  let former = '';
  for (const [name, part] of Object.entries(value)) {
    if (name < former || !namesAscend(part)) return false;
    former = name;
  }
  return true;
}

export function digestOfBytes(bytes: Uint8Array): Digest {
  return bytesToHex(sha256(bytes));
}

export function digestOfJson(value: unknown): Digest {
  return digestOfBytes(utf8ToBytes(canonicalJson(value)));
}
