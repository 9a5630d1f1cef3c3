import { emptyRoot, HASH_BYTES, nodeHash, sameHash, type Hash, type Sha256 } from './merkle-hash.js';
import {
  completeSubtrees,
  consistencyRanges,
  inclusionRanges,
  isPowerOfTwo,
  type EntryRange,
  type NodePlace,
} from './node-places.js';

/** Looks up a stored hash; throws where it has none. */
export type NodeHashes = (place: NodePlace) => Hash;

/** Root of the first `size` entries, from the hashes of `nodesForRoot(size)`. */
export function rootFrom(size: number, hashes: NodeHashes, sha256?: Sha256): Hash {
  return size === 0 ? emptyRoot() : hashOfRange({ begin: 0, end: size }, hashes, sha256);
}

/** RFC 9162, 2.1.3.1, from the hashes of `nodesForInclusion(index, size)`: from the leaf up. */
export function inclusionProof(index: number, size: number, hashes: NodeHashes, sha256?: Sha256): Hash[] {
  return inclusionRanges(index, size).map((range) => hashOfRange(range, hashes, sha256));
}

/** RFC 9162, 2.1.4.1, from the hashes of `nodesForConsistency(old, size)`. Empty where one of the two logs is, or both are the same. */
export function consistencyProof(old: number, size: number, hashes: NodeHashes, sha256?: Sha256): Hash[] {
  return consistencyRanges(old, size).map((range) => hashOfRange(range, hashes, sha256));
}

export interface InclusionClaim {
  /** `leafHash` of the entry. */
  leaf: Hash;
  index: number;
  size: number;
  root: Hash;
  proof: readonly Hash[];
}

/** Whether the entry is number `index` of the log that has this root (RFC 9162, 2.1.3.2). Never throws on what others claim. */
export function verifyInclusion({ leaf, index, size, root, proof }: InclusionClaim, sha256?: Sha256): boolean {
  const ranges = rangesOrNull(() => inclusionRanges(index, size));
  if (ranges?.length !== proof.length || !areHashes([leaf, ...proof])) return false;
  let hash = leaf;
  for (const [i, { begin }] of ranges.entries()) {
    hash = begin > index ? nodeHash(hash, proof[i], sha256) : nodeHash(proof[i], hash, sha256);
  }
  return sameHash(hash, root);
}

export interface ConsistencyClaim {
  oldSize: number;
  oldRoot: Hash;
  size: number;
  root: Hash;
  proof: readonly Hash[];
}

/** Whether the log that has `root` begins with the one that has `oldRoot` (RFC 9162, 2.1.4.2). Never throws on what others claim. */
export function verifyConsistency({ oldSize, oldRoot, size, root, proof }: ConsistencyClaim, sha256?: Sha256): boolean {
  const ranges = rangesOrNull(() => consistencyRanges(oldSize, size));
  if (ranges?.length !== proof.length || !areHashes([oldRoot, root, ...proof])) return false;
  if (oldSize === 0) return sameHash(oldRoot, emptyRoot()) && (size > 0 || sameHash(root, oldRoot));
  if (oldSize === size) return sameHash(oldRoot, root);
  const whole = isPowerOfTwo(oldSize);
  let [before, after] = whole ? [oldRoot, oldRoot] : [proof[0], proof[0]];
  for (let i = whole ? 0 : 1; i < ranges.length; i++) {
    if (ranges[i].begin >= oldSize) {
      after = nodeHash(after, proof[i], sha256);
    } else {
      before = nodeHash(proof[i], before, sha256);
      after = nodeHash(proof[i], after, sha256);
    }
  }
  return sameHash(before, oldRoot) && sameHash(after, root);
}

/** Only the right edge of a log has ranges of more than one complete subtree; they are joined from the right (RFC 9162, 2.1.1). */
function hashOfRange(range: EntryRange, hashes: NodeHashes, sha256?: Sha256): Hash {
  return completeSubtrees(range)
    .map(hashes)
    .reduceRight((right, left) => nodeHash(left, right, sha256));
}

function areHashes(hashes: readonly Hash[]): boolean {
  return hashes.every(({ length }) => length === HASH_BYTES);
}

function rangesOrNull(make: () => EntryRange[]): EntryRange[] | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
