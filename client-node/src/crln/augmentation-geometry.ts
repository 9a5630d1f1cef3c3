import type { Random } from '@consilium/shared';

/**
 * Moves in the plane of a patch [height, width, inner], where inner = depth x channels lies together in memory: a column.
 * Column x * width + y stands at (x, y).
 */
export interface Plane {
  readonly height: number;
  readonly width: number;
}

/** A quarter turn `turns` times, then a flip along height or width. */
export interface Turn {
  readonly turns: 0 | 1 | 2 | 3;
  readonly flip: 'none' | 'height' | 'width';
}

/** Quarter turns only where they keep the patch's shape; else half turns. */
export function drawTurn({ height, width }: Plane, random: Random): Turn['turns'] {
  return (height === width ? random.below(4) : 2 * random.below(2)) as Turn['turns'];
}

export function drawFlip(random: Random): Turn['flip'] {
  return random.chance(0.5) ? 'height' : 'width';
}

/** For each column of the turned patch [height, width]: the column that it was. */
export function turnedColumns({ height, width }: Plane, { turns, flip }: Turn): Int32Array {
  const columns = new Int32Array(height * width);
  for (let x = 0; x < height; x++) {
    for (let y = 0; y < width; y++) {
      const fx = flip === 'height' ? height - 1 - x : x;
      const fy = flip === 'width' ? width - 1 - y : y;
      // Counter-clockwise, first axis down, second to the right.
      let [sx, sy] = [fx, fy];
      if (turns === 1) [sx, sy] = [fy, width - 1 - fx];
      else if (turns === 2) [sx, sy] = [height - 1 - fx, width - 1 - fy];
      else if (turns === 3) [sx, sy] = [height - 1 - fy, fx];
      columns[x * width + y] = sx * width + sy;
    }
  }
  return columns;
}

type Values = Float32Array | Int32Array;

/** Fills `out` from `offset` on with the given columns of `source`, counted from the same offset; `padding` where -1. */
export function moveColumns(
  source: Values,
  out: Values,
  offset: number,
  columns: Int32Array,
  inner: number,
  padding: number,
): void {
  let begin = 0;
  while (begin < columns.length) {
    const first = columns[begin];
    // Neighbours that stay neighbours go together.
    const stride = first < 0 ? 0 : 1;
    let end = begin + 1;
    while (end < columns.length && columns[end] === first + stride * (end - begin)) end++;
    const to = offset + begin * inner;
    const values = (end - begin) * inner;
    if (first < 0) out.fill(padding, to, to + values);
    else out.set(source.subarray(offset + first * inner, offset + first * inner + values), to);
    begin = end;
  }
}

/** For each output position along one axis of a rescaled, centre-cropped or padded patch: where it comes from. */
export interface AxisSource {
  /** Nearest source position, -1 in the padding. */
  readonly nearest: Int32Array;
  /** Four source positions and weights of the cubic; the padding reflects the rescaled image. */
  readonly taps: Int32Array;
  readonly weights: Float32Array;
}

/** Keys' cubic with a = -1/2 (Catmull-Rom): passes through the voxels and keeps straight ramps straight. */
function cubicWeight(distance: number): number {
  const t = Math.abs(distance);
  if (t <= 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Mirrored at the outermost positions, which are not repeated: -1 is 1, count is count - 2. */
function reflected(position: number, count: number): number {
  if (count === 1) return 0;
  const period = 2 * (count - 1);
  const folded = ((position % period) + period) % period;
  return folded < count ? folded : period - folded;
}

function axisSource(side: number, scale: number): AxisSource {
  const scaled = Math.max(1, Math.round(side * scale));
  const margin = Math.floor((side - scaled) / 2);
  const nearest = new Int32Array(side);
  const taps = new Int32Array(4 * side);
  const weights = new Float32Array(4 * side);
  for (let o = 0; o < side; o++) {
    const inScaled = o - margin;
    const outside = inScaled < 0 || inScaled >= scaled;
    const at = ((reflected(inScaled, scaled) + 0.5) * side) / scaled - 0.5;
    nearest[o] = outside ? -1 : Math.min(Math.max(Math.floor(at + 0.5), 0), side - 1);
    const first = Math.floor(at) - 1;
    for (let k = 0; k < 4; k++) {
      taps[4 * o + k] = Math.min(Math.max(first + k, 0), side - 1);
      weights[4 * o + k] = cubicWeight(at - first - k);
    }
  }
  return { nearest, taps, weights };
}

/** Rescaled in the plane about its centre, cut or filled to its old size: how every array of one patch is to move. */
export interface Rescale {
  readonly height: AxisSource;
  readonly width: AxisSource;
}

export function rescaleBy(scale: number, { height, width }: Plane): Rescale {
  return { height: axisSource(height, scale), width: axisSource(width, scale) };
}

/** Writes position `o` of the rescaled axis, `length` values, as a weighted sum of four rows of `from`. */
export function weighRow(
  from: Float32Array,
  fromOffset: number,
  to: Float32Array,
  toOffset: number,
  length: number,
  { taps, weights }: AxisSource,
  o: number,
): void {
  const a = fromOffset + taps[4 * o] * length;
  const b = fromOffset + taps[4 * o + 1] * length;
  const c = fromOffset + taps[4 * o + 2] * length;
  const d = fromOffset + taps[4 * o + 3] * length;
  const p = weights[4 * o];
  const q = weights[4 * o + 1];
  const r = weights[4 * o + 2];
  const s = weights[4 * o + 3];
  for (let i = 0; i < length; i++) {
    to[toOffset + i] = p * from[a + i] + q * from[b + i] + r * from[c + i] + s * from[d + i];
  }
}

/** In-plane box over the full depth. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly width: number;
}

/** A box of the patch's proportions that covers `area` of the plane, wholly inside it. */
export function drawBox({ height, width }: Plane, area: number, random: Random): Box {
  const side = Math.sqrt(area);
  const box = { height: Math.round(height * side), width: Math.round(width * side) };
  return { ...box, x: random.below(height - box.height + 1), y: random.below(width - box.width + 1) };
}

export function isInside(box: Box, x: number, y: number): boolean {
  return x >= box.x && x < box.x + box.height && y >= box.y && y < box.y + box.width;
}
