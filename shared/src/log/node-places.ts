/** A complete subtree: the 2^level entries from index * 2^level on. Once these are in the log, its hash never changes. */
export interface NodePlace {
  level: number;
  index: number;
}

/** Entries from `begin` up to, and without, `end`. */
export interface EntryRange {
  begin: number;
  end: number;
}

/** What the root of the first `size` entries is made from, left to right; nothing for an empty log. */
export function nodesForRoot(size: number): NodePlace[] {
  requireSize(size);
  return completeSubtrees({ begin: 0, end: size });
}

/** What a proof that entry `index` is among the first `size` is made from. Throws where it is not. */
export function nodesForInclusion(index: number, size: number): NodePlace[] {
  return inclusionRanges(index, size).flatMap(completeSubtrees);
}

/** What a proof that the first `size` entries begin with the first `old` is made from. Throws where old > size. */
export function nodesForConsistency(old: number, size: number): NodePlace[] {
  return consistencyRanges(old, size).flatMap(completeSubtrees);
}

/** The entries under each hash of an inclusion proof, from the leaf up (RFC 9162, 2.1.3.1). */
export function inclusionRanges(index: number, size: number): EntryRange[] {
  requireSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`inclusion proof: expected an index from 0 to ${size - 1}, got ${index}`);
  }
  const ranges: EntryRange[] = [];
  for (let within = { begin: 0, end: size }; within.end - within.begin > 1;) {
    const split = splitOf(within);
    const [left, right] = [
      { begin: within.begin, end: split },
      { begin: split, end: within.end },
    ];
    ranges.unshift(index < split ? right : left);
    within = index < split ? left : right;
  }
  return ranges;
}

/**
 * The entries under each hash of a consistency proof (RFC 9162, 2.1.4.1). Where `old` is no power of two, the first range is the
 * one that ends with the old log.
 */
export function consistencyRanges(old: number, size: number): EntryRange[] {
  requireSize(old);
  requireSize(size);
  if (old > size) throw new RangeError(`consistency proof: expected an old size of at most ${size}, got ${old}`);
  if (old === 0 || old === size) return [];
  const ranges: EntryRange[] = [];
  let within = { begin: 0, end: size };
  while (within.end > old) {
    const split = splitOf(within);
    const [left, right] = [
      { begin: within.begin, end: split },
      { begin: split, end: within.end },
    ];
    ranges.unshift(old <= split ? right : left);
    within = old <= split ? left : right;
  }
  return isPowerOfTwo(old) ? ranges : [within, ...ranges];
}

/** `range` is one that the functions above give, or begins at 0: its parts grow smaller from left to right. */
export function completeSubtrees({ begin, end }: EntryRange): NodePlace[] {
  const places: NodePlace[] = [];
  for (let at = begin; at < end;) {
    const level = Math.floor(Math.log2(end - at));
    places.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return places;
}

export function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.floor(Math.log2(value)) === value;
}

/** Where RFC 9162 divides a range of at least two entries: its left part is the largest complete subtree that leaves a right one. */
function splitOf({ begin, end }: EntryRange): number {
  return begin + 2 ** (Math.ceil(Math.log2(end - begin)) - 1);
}

/** Logarithms of whole numbers are right up to here. */
const MAXIMUM_SIZE = 2 ** 40;

function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0 || size > MAXIMUM_SIZE) {
    throw new RangeError(`log: expected a size from 0 to 2^40, got ${size}`);
  }
}
