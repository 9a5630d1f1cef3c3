import { sha256 as portable } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** 32 bytes. */
export type Hash = Uint8Array;

/** Where a process has a faster SHA-256 than the portable one, it hands it to whatever hashes many entries. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export const HASH_BYTES = 32;

const LEAF = 0;
const NODE = 1;

/** Of an entry's bytes (RFC 6962, 2.1): the first byte keeps an entry from being taken for an inner node. */
export function leafHash(entry: Uint8Array, sha256: Sha256 = portable): Hash {
  const input = new Uint8Array(1 + entry.length);
  input[0] = LEAF;
  input.set(entry, 1);
  return sha256(input);
}

export function nodeHash(left: Hash, right: Hash, sha256: Sha256 = portable): Hash {
  const input = new Uint8Array(1 + 2 * HASH_BYTES);
  input[0] = NODE;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

/** Root of a log without an entry. */
export function emptyRoot(): Hash {
  return portable(new Uint8Array());
}

export function sameHash(one: Hash, other: Hash): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** As events, receipts and answers write it. */
export function hexOf(hash: Hash): string {
  return bytesToHex(hash);
}
