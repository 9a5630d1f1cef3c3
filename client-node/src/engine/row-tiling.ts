import { sizeOf, type Shape } from './tensor.js';

/** Values of a row from which on a kernel runs at full speed. */
const LONG_ROW = 256;
/** Values of a tensor below which the calls that tiling costs are not worth it. */
const WORTHWHILE = 2 ** 15;

/** Views of x [b, ..., c] and of a vector along its last axis that let TensorFlow compute on long rows. */
export interface RowTiling {
  /** Of x: [groups, rows, tiles c]. */
  readonly rows: Shape;
  /** Of the vector: [groups, 1, c], repeated to [groups, tiles, c] and seen as [groups, 1, tiles c]. */
  readonly vector: Shape;
  readonly repeated: Shape;
  readonly row: Shape;
}

/**
 * TensorFlow broadcasts rows as short as a network's channels up to ten times slower than long ones: several rows of x are
 * taken as one, beside as many copies of the vector. `vector` is [c], or [b, 1, ..., 1, c] with values of its own for each
 * sample. Null where the shapes are others, or there is nothing to gain.
 */
export function rowTiling(x: Shape, vector: Shape): RowTiling | null {
  const c = vector.at(-1);
  if (c === undefined || c !== x.at(-1) || sizeOf(x) < WORTHWHILE) return null;
  const groups = sizeOf(vector) / c;
  if (groups > 1 && (groups !== vector[0] || groups !== x[0] || vector.length !== x.length)) return null;
  const rows = sizeOf(x) / (groups * c);
  let tiles = 1;
  while (2 * tiles * c <= LONG_ROW && rows % (2 * tiles) === 0) tiles *= 2;
  if (tiles === 1) return null;
  return {
    rows: [groups, rows / tiles, tiles * c],
    vector: [groups, 1, c],
    repeated: [groups, tiles, c],
    row: [groups, 1, tiles * c],
  };
}
