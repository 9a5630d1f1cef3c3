import { emptyRoot, nodeHash, type Hash, type Sha256 } from './merkle-hash.js';
import { nodesForRoot, type NodePlace } from './node-places.js';

/** A complete subtree with its hash: one row of a table of nodes. */
export interface TreeNode extends NodePlace {
  hash: Hash;
}

/** The right edge of a log, all that it takes to add entries: at most one hash a level. */
export class MerkleFrontier {
  readonly #edge: TreeNode[];
  #size: number;

  /** `hashes`: those of `nodesForRoot(size)`, in this order; nothing for an empty log. */
  constructor(
    size = 0,
    hashes: readonly Hash[] = [],
    private readonly sha256?: Sha256,
  ) {
    const places = nodesForRoot(size);
    if (hashes.length !== places.length) {
      throw new RangeError(`log of ${size} entries: expected ${places.length} hashes, got ${hashes.length}`);
    }
    this.#size = size;
    this.#edge = places.map((place, i) => ({ ...place, hash: hashes[i] }));
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an entry's `leafHash`; the nodes that are complete with it, its own first. */
  append(leaf: Hash): TreeNode[] {
    let node: TreeNode = { level: 0, index: this.#size, hash: leaf };
    const grown = [node];
    while (this.#edge.at(-1)?.level === node.level) {
      const left = this.#edge.pop()!;
      node = { level: node.level + 1, index: left.index / 2, hash: nodeHash(left.hash, node.hash, this.sha256) };
      grown.push(node);
    }
    this.#edge.push(node);
    this.#size += 1;
    return grown;
  }

  root(): Hash {
    if (this.#size === 0) return emptyRoot();
    return this.#edge.map(({ hash }) => hash).reduceRight((right, left) => nodeHash(left, right, this.sha256));
  }
}
