import { HASH_BYTES, nodeHash, type Hash, type Sha256 } from './merkle-hash.js';
import type { NodePlace } from './node-places.js';
import { rootFrom } from './merkle-proofs.js';

/** Every complete subtree of a log in memory, 64 bytes an entry: answers for any size that the log has had. */
export class MerkleTree {
  readonly #levels: HashList[] = [new HashList()];

  constructor(private readonly sha256?: Sha256) {}

  get size(): number {
    return this.#levels[0].length;
  }

  /** Adds an entry's `leafHash`. */
  append(leaf: Hash): void {
    let hash = leaf;
    for (let level = 0; ; level++) {
      const hashes = (this.#levels[level] ??= new HashList());
      hashes.push(hash);
      if (hashes.length % 2 === 1) return;
      hash = nodeHash(hashes.at(hashes.length - 2), hash, this.sha256);
    }
  }

  /** A `NodeHashes`. A view of the tree's memory: not to be changed. Throws where the log has not grown so far. */
  readonly at = ({ level, index }: NodePlace): Hash => {
    const hashes = this.#levels.at(level);
    if (hashes === undefined || index >= hashes.length) {
      throw new RangeError(`log of ${this.size} entries: expected a complete subtree, got level ${level}, ${index}`);
    }
    return hashes.at(index);
  };

  /** Root of the first `size` entries. */
  root(size = this.size): Hash {
    return rootFrom(size, this.at, this.sha256);
  }
}

const FIRST_ROOM = 64;

/** Hashes one behind the other: an object for each would take more room than the hash. */
class HashList {
  #bytes = new Uint8Array(FIRST_ROOM * HASH_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): Hash {
    return this.#bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  push(hash: Hash): void {
    if ((this.#length + 1) * HASH_BYTES > this.#bytes.length) this.#grow();
    this.#bytes.set(hash, this.#length * HASH_BYTES);
    this.#length += 1;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
