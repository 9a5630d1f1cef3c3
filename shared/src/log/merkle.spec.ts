import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyRoot, leafHash, nodeHash, type Hash } from './merkle-hash.js';
import { MerkleFrontier } from './merkle-frontier.js';
import { consistencyProof, inclusionProof, rootFrom, verifyConsistency, verifyInclusion } from './merkle-proofs.js';
import { MerkleTree } from './merkle-tree.js';
import { nodesForConsistency, nodesForInclusion, nodesForRoot, type NodePlace } from './node-places.js';

interface Vectors {
  emptyRoot: string;
  entries: string[];
  roots: string[];
  inclusion: { index: number; size: number; proof: string[] }[];
  consistency: { old: number; size: number; proof: string[] }[];
}
const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'rfc6962-vectors.json'), 'utf8')) as Vectors;
const leavesOfVectors = vectors.entries.map((entry) => leafHash(hexToBytes(entry)));

const leaf = (i: number): Hash => leafHash(new TextEncoder().encode(`entry ${i}`));
const LARGEST = 200;
const leaves = Array.from({ length: LARGEST }, (_, i) => leaf(i));

/** RFC 6962, 2.1, word for word, over the leaves from `begin` up to `end`: what everything else here is held against. */
const known = new Map<number, Hash>();
function merkleTreeHash(begin: number, end: number): Hash {
  const key = begin * (LARGEST + 1) + end;
  if (!known.has(key)) known.set(key, computed(begin, end));
  return known.get(key)!;
}
function computed(begin: number, end: number): Hash {
  if (begin === end) return emptyRoot();
  if (end - begin === 1) return leaves[begin];
  const split = begin + splitOf(end - begin);
  return nodeHash(merkleTreeHash(begin, split), merkleTreeHash(split, end));
}
function path(m: number, begin: number, end: number): Hash[] {
  if (end - begin === 1) return [];
  const split = begin + splitOf(end - begin);
  if (m < split) return [...path(m, begin, split), merkleTreeHash(split, end)];
  return [...path(m, split, end), merkleTreeHash(begin, split)];
}
function subproof(m: number, begin: number, end: number, whole: boolean): Hash[] {
  if (m === end) return whole ? [] : [merkleTreeHash(begin, end)];
  const split = begin + splitOf(end - begin);
  if (m <= split) return [...subproof(m, begin, split, whole), merkleTreeHash(split, end)];
  return [...subproof(m, split, end, false), merkleTreeHash(begin, split)];
}
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function treeOf(leaves: readonly Hash[]): MerkleTree {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree;
}

/** The hashes of exactly these places, as a database hands them over: whatever else is asked for is missing. */
function fetched(tree: MerkleTree, places: readonly NodePlace[]): (place: NodePlace) => Hash {
  const rows = new Map(places.map((place) => [`${place.level} ${place.index}`, Uint8Array.from(tree.at(place))]));
  return ({ level, index }) => {
    const hash = rows.get(`${level} ${index}`);
    if (hash === undefined) throw new Error(`expected level ${level}, ${index} among what was asked for`);
    return hash;
  };
}

const hex = (hashes: readonly Hash[]): string[] => hashes.map((hash) => bytesToHex(hash));
const tree = treeOf(leaves);

describe('published vectors of RFC 6962', () => {
  it('has their roots', () => {
    const frontier = new MerkleFrontier();
    expect(bytesToHex(frontier.root())).toBe(vectors.emptyRoot);
    for (const [i, entry] of leavesOfVectors.entries()) {
      frontier.append(entry);
      expect(bytesToHex(frontier.root())).toBe(vectors.roots[i]);
    }
  });

  it('makes and takes their proofs', () => {
    const published = treeOf(leavesOfVectors);
    const root = (size: number): Hash => hexToBytes(vectors.roots[size - 1]);
    for (const { index, size, proof } of vectors.inclusion) {
      expect(hex(inclusionProof(index, size, published.at))).toEqual(proof);
      const claim = { leaf: leavesOfVectors[index], index, size, root: root(size), proof: proof.map(hexToBytes) };
      expect(verifyInclusion(claim)).toBe(true);
    }
    for (const { old, size, proof } of vectors.consistency) {
      expect(hex(consistencyProof(old, size, published.at))).toEqual(proof);
      const claim = { oldSize: old, oldRoot: root(old), size, root: root(size), proof: proof.map(hexToBytes) };
      expect(verifyConsistency(claim)).toBe(true);
    }
  });
});

describe('every size up to 200', () => {
  const reference = Array.from({ length: LARGEST + 1 }, (_, size) => merkleTreeHash(0, size));

  /** All entries of small logs, some of larger ones. */
  const step = (size: number): number => (size < 34 ? 1 : 11);

  it('has one root, made from a frontier, a tree, or the fetched nodes', () => {
    const frontier = new MerkleFrontier();
    for (let size = 0; size <= LARGEST; size++) {
      const expected = bytesToHex(reference[size]);
      const places = nodesForRoot(size);
      expect(bytesToHex(tree.root(size))).toBe(expected);
      expect(bytesToHex(rootFrom(size, fetched(tree, places)))).toBe(expected);
      const resumed = new MerkleFrontier(size, places.map(tree.at));
      expect(bytesToHex(resumed.root())).toBe(expected);
      if (size === LARGEST) break;
      const grown = frontier.append(leaves[size]);
      expect(resumed.append(leaves[size])).toEqual(grown);
      for (const { hash, ...place } of grown) expect(bytesToHex(hash)).toBe(bytesToHex(tree.at(place)));
    }
  });

  it('proves each entry, from the nodes that are asked for', () => {
    for (let size = 1; size <= LARGEST; size++) {
      for (let index = size % step(size); index < size; index += step(size)) {
        const proof = inclusionProof(index, size, fetched(tree, nodesForInclusion(index, size)));
        expect(hex(proof)).toEqual(hex(path(index, 0, size)));
        expect(verifyInclusion({ leaf: leaves[index], index, size, root: reference[size], proof })).toBe(true);
      }
    }
  });

  it('proves that it has grown, from the nodes that are asked for', () => {
    for (let size = 1; size <= LARGEST; size++) {
      for (let old = size % step(size); old <= size; old += step(size)) {
        const proof = consistencyProof(old, size, fetched(tree, nodesForConsistency(old, size)));
        if (old > 0) expect(hex(proof)).toEqual(hex(subproof(old, 0, size, true)));
        const claim = { oldSize: old, oldRoot: reference[old], size, root: reference[size], proof };
        expect(verifyConsistency(claim)).toBe(true);
      }
    }
  });
});

/** Another hash, or one more, one fewer, two swapped. */
const alteration = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constantFrom('drop' as const, 'repeat' as const, 'shorten' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('append' as const), hash: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
);
type Alteration = typeof alteration extends fc.Arbitrary<infer T> ? T : never;

function altered(proof: readonly Hash[], how: Alteration): Hash[] {
  const other = proof.map((hash) => Uint8Array.from(hash));
  if (how.kind === 'append') return [...other, how.hash];
  if (other.length === 0) return [leaf(0)];
  const at = how.at % other.length;
  if (how.kind === 'flip') other[at][how.bit >> 3] ^= 1 << (how.bit & 7);
  else if (how.kind === 'drop') other.splice(at, 1);
  else if (how.kind === 'shorten') other[at] = other[at].subarray(1);
  else other.splice(at, 0, other[at]);
  return other;
}

describe('a proof of something else', () => {
  const sizes = fc.integer({ min: 1, max: LARGEST });

  it('is not taken for an entry', () => {
    const drawn = fc.tuple(sizes, fc.nat(), alteration, fc.nat());
    fc.assert(
      fc.property(drawn, ([size, pick, how, other]) => {
        const index = pick % size;
        const proof = inclusionProof(index, size, tree.at);
        const claim = { leaf: leaves[index], index, size, root: tree.root(size), proof };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, proof: altered(proof, how) })).toBe(false);
        expect(verifyInclusion({ ...claim, leaf: leaf(LARGEST) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: tree.root(size - 1) })).toBe(false);
        const elsewhere = other % size;
        expect(verifyInclusion({ ...claim, index: elsewhere })).toBe(elsewhere === index);
        expect(verifyInclusion({ ...claim, index: size })).toBe(false);
        expect(verifyInclusion({ ...claim, index: -1 })).toBe(false);
        expect(verifyInclusion({ ...claim, size: index })).toBe(false);
      }),
    );
  });

  it('is not taken for growth', () => {
    const drawn = fc.tuple(sizes, fc.nat(), alteration);
    fc.assert(
      fc.property(drawn, ([size, pick, how]) => {
        const oldSize = 1 + (pick % size);
        const proof = consistencyProof(oldSize, size, tree.at);
        const claim = { oldSize, oldRoot: tree.root(oldSize), size, root: tree.root(size), proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, proof: altered(proof, how) })).toBe(false);
        expect(verifyConsistency({ ...claim, oldRoot: leaf(LARGEST) })).toBe(false);
        expect(verifyConsistency({ ...claim, root: leaf(LARGEST) })).toBe(false);
        if (oldSize < size) {
          expect(verifyConsistency({ ...claim, oldRoot: claim.root, root: claim.oldRoot })).toBe(false);
          expect(verifyConsistency({ ...claim, oldSize: size, size: oldSize })).toBe(false);
        }
      }),
    );
  });

  it('is not one of a log that was rewritten', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, pick, at) => {
        const oldSize = 1 + (pick % size);
        const rewritten = leaves.slice(0, size);
        rewritten[at % oldSize] = leaf(LARGEST);
        const other = treeOf(rewritten);
        const proof = consistencyProof(oldSize, size, other.at);
        expect(verifyConsistency({ oldSize, oldRoot: tree.root(oldSize), size, root: other.root(), proof })).toBe(
          false,
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('sizes at the edge', () => {
  it('are divided where RFC 9162 says, up to 2^40', () => {
    for (let level = 1; level <= 40; level++) {
      const size = 2 ** level;
      expect(nodesForRoot(size)).toEqual([{ level, index: 0 }]);
      expect(nodesForRoot(size - 1)).toHaveLength(level);
      expect(nodesForInclusion(size - 1, size)).toHaveLength(level);
      if (level < 40) {
        expect(nodesForInclusion(size, size + 1)).toEqual([{ level, index: 0 }]);
        expect(nodesForConsistency(size, size + 1)).toEqual([{ level: 0, index: size }]);
      }
    }
  });

  it('are refused beyond it, and outside the log', () => {
    expect(() => nodesForRoot(2 ** 40 + 1)).toThrow('expected a size from 0 to 2^40, got 1099511627777');
    expect(() => nodesForRoot(1.5)).toThrow(RangeError);
    expect(() => nodesForInclusion(3, 3)).toThrow('expected an index from 0 to 2, got 3');
    expect(() => nodesForConsistency(4, 3)).toThrow('expected an old size of at most 3, got 4');
    expect(() => tree.root(LARGEST + 1)).toThrow(RangeError);
    expect(() => new MerkleFrontier(3, [leaf(0)])).toThrow('expected 2 hashes, got 1');
  });
});
