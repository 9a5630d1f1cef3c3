import type { Random } from '@consilium/shared';

/**
 * Moves in the plane of a patch [height, width, inner], where inner = depth x channels lies together in memory.
 * Each takes the source from `offset` on and fills `out` from the same offset.
 */
type Values = Float32Array | Int32Array;

/** A quarter turn `turns` times, then a flip along height or width. */
export interface Turn {
  readonly turns: 0 | 1 | 2 | 3;
  readonly flip: 'none' | 'height' | 'width';
}

/** Quarter turns only where they keep the patch's shape; else half turns. */
export function drawTurn(height: number, width: number, random: Random): Turn['turns'] {
  return (height === width ? random.below(4) : 2 * random.below(2)) as Turn['turns'];
}

export function drawFlip(random: Random): Turn['flip'] {
  return random.chance(0.5) ? 'height' : 'width';
}

export function turn(source: Values, out: Values, offset: number, plane: Plane, { turns, flip }: Turn): void {
  const { height, width, inner } = plane;
  for (let x = 0; x < height; x++) {
    for (let y = 0; y < width; y++) {
      const fx = flip === 'height' ? height - 1 - x : x;
      const fy = flip === 'width' ? width - 1 - y : y;
      // Counter-clockwise, first axis down, second to the right.
      let [sx, sy] = [fx, fy];
      if (turns === 1) [sx, sy] = [fy, width - 1 - fx];
      else if (turns === 2) [sx, sy] = [height - 1 - fx, width - 1 - fy];
      else if (turns === 3) [sx, sy] = [height - 1 - fy, fx];
      const from = offset + (sx * width + sy) * inner;
      out.set(source.subarray(from, from + inner), offset + (x * width + y) * inner);
    }
  }
}

export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly inner: number;
}

/** For each output position along one axis of a rescaled, centre-cropped or padded patch: where it comes from. */
interface AxisSource {
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
  readonly plane: Plane;
  readonly height: AxisSource;
  readonly width: AxisSource;
}

export function rescaleBy(scale: number, plane: Plane): Rescale {
  return { plane, height: axisSource(plane.height, scale), width: axisSource(plane.width, scale) };
}

/** Cubic, padding reflected: one axis, then the other. */
export function rescaleImage(source: Float32Array, out: Float32Array, offset: number, rescale: Rescale): void {
  const { height, width, inner } = rescale.plane;
  const row = width * inner;
  const middle = new Float32Array(height * row);
  weighRows(source, offset, middle, 0, height, row, rescale.height);
  for (let x = 0; x < height; x++) weighRows(middle, x * row, out, offset + x * row, width, inner, rescale.width);
}

/** Each of `count` rows of `length` values as a weighted sum of four rows. */
function weighRows(
  from: Float32Array,
  fromOffset: number,
  to: Float32Array,
  toOffset: number,
  count: number,
  length: number,
  { taps, weights }: AxisSource,
): void {
  for (let o = 0; o < count; o++) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => fromOffset + taps[4 * o + k] * length) as [
      number,
      number,
      number,
      number,
    ];
    const [p, q, r, s] = [0, 1, 2, 3].map((k) => weights[4 * o + k]) as [number, number, number, number];
    const at = toOffset + o * length;
    for (let i = 0; i < length; i++) to[at + i] = p * from[a + i] + q * from[b + i] + r * from[c + i] + s * from[d + i];
  }
}

/** Nearest, the padding filled: for labels and confidences, whose inner is the depth alone. */
export function rescaleNearest(source: Values, out: Values, offset: number, rescale: Rescale, padding: number): void {
  const { height, width, inner } = rescale.plane;
  for (let x = 0; x < height; x++) {
    const sx = rescale.height.nearest[x];
    for (let y = 0; y < width; y++) {
      const sy = rescale.width.nearest[y];
      const to = offset + (x * width + y) * inner;
      if (sx < 0 || sy < 0) {
        out.fill(padding, to, to + inner);
      } else {
        const from = offset + (sx * width + sy) * inner;
        out.set(source.subarray(from, from + inner), to);
      }
    }
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
export function drawBox(height: number, width: number, area: number, random: Random): Box {
  const side = Math.sqrt(area);
  const box = { height: Math.round(height * side), width: Math.round(width * side) };
  return { ...box, x: random.below(height - box.height + 1), y: random.below(width - box.width + 1) };
}

/** Copies the box of the patch at `from` in `source` into the patch at `to` in `out`. */
export function pasteBox(source: Values, from: number, out: Values, to: number, plane: Plane, box: Box): void {
  for (let x = box.x; x < box.x + box.height; x++) {
    const start = (x * plane.width + box.y) * plane.inner;
    const end = start + box.width * plane.inner;
    out.set(source.subarray(from + start, from + end), to + start);
  }
}
