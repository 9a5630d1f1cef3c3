/** The learned prototypes of one model and what stands behind them, in row-major order. */
export interface PrototypeSet {
  /** C */
  classes: number;
  /** R, prototypes per class. */
  perClass: number;
  /** [C, R, F] */
  values: Float32Array;
  /** [C, R]: labelled voxels that each prototype attends to. */
  support: Float32Array;
}

/** How far each prototype has moved, as a share of the length that it had [C, R]; null where it had none. */
export function prototypeShift(before: PrototypeSet, after: PrototypeSet): (number | null)[] {
  const length = featuresOf(after);
  return Array.from(after.support, (_, p) => {
    const [was, is] = [before, after].map(({ values }) => values.subarray(p * length, (p + 1) * length));
    const size = Math.hypot(...was);
    return size === 0 ? null : distance(was, is) / size;
  });
}

/** Euclidean distances [C][C] between the classes' mean prototypes, each counted by its support (alike where none has any). */
export function classDistances(set: PrototypeSet): number[][] {
  const means = Array.from({ length: set.classes }, (_, c) => classMean(set, c));
  return means.map((a) => means.map((b) => distance(a, b)));
}

function classMean(set: PrototypeSet, c: number): Float64Array {
  const { perClass, support, values } = set;
  const length = featuresOf(set);
  const own = support.subarray(c * perClass, (c + 1) * perClass);
  const total = own.reduce((sum, voxels) => sum + voxels, 0);
  const mean = new Float64Array(length);
  own.forEach((voxels, r) => {
    const share = total > 0 ? voxels / total : 1 / perClass;
    for (let i = 0; i < length; i++) mean[i] += share * values[(c * perClass + r) * length + i];
  });
  return mean;
}

/** All prototypes on the plane of their two first principal components. */
export interface PlaneProjection {
  /** [C R][2] */
  points: [number, number][];
  /** Share of the variance along each axis; 0 where there is none. */
  explained: [number, number];
}

/** Rounds of the power iteration; two directions that differ little in variance may be mixed, and the picture stays true. */
const ITERATIONS = 60;

/**
 * Principal components by power iteration (Hotelling 1933), from a fixed start, with each axis' largest coordinate made
 * positive: equal prototypes give an equal picture.
 */
export function planeProjection(set: PrototypeSet): PlaneProjection {
  const length = featuresOf(set);
  const count = set.classes * set.perClass;
  const centred = centre(set.values, count, length);
  const variance = dot(centred, centred);
  const points = Array.from({ length: count }, (): [number, number] => [0, 0]);
  const explained: [number, number] = [0, 0];
  for (const axis of [0, 1] as const) {
    const along = principalScores(centred, count, length);
    along.forEach((score, p) => (points[p][axis] = score));
    explained[axis] = variance === 0 ? 0 : dot(along, along) / variance;
  }
  return { points, explained };
}

function centre(values: Float32Array, count: number, length: number): Float64Array {
  const mean = new Float64Array(length);
  for (let k = 0; k < values.length; k++) mean[k % length] += values[k] / count;
  return Float64Array.from(values, (value, k) => value - mean[k % length]);
}

/** Coordinates [count] along the direction of most variance, which is then taken out of `rows` [count, length]. */
function principalScores(rows: Float64Array, count: number, length: number): Float64Array {
  let direction = Float64Array.from({ length }, (_, i) => 1 / (1 + i));
  let scores = new Float64Array(count);
  for (let turn = 0; turn < ITERATIONS; turn++) {
    const size = Math.hypot(...direction);
    if (size === 0) return new Float64Array(count);
    direction = direction.map((value) => value / size);
    scores = times(rows, direction, count, length);
    if (turn < ITERATIONS - 1) direction = transposedTimes(rows, scores, length);
  }
  const largest = scores.reduce((top, score) => (Math.abs(score) > Math.abs(top) ? score : top), 0);
  for (let k = 0; k < rows.length; k++) rows[k] -= scores[Math.floor(k / length)] * direction[k % length];
  return largest < 0 ? scores.map((score) => -score) : scores;
}

function times(rows: Float64Array, direction: Float64Array, count: number, length: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: count }, (_, p) => dot(rows.subarray(p * length, (p + 1) * length), direction));
}

function transposedTimes(rows: Float64Array, scores: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const sums = new Float64Array(length);
  for (let k = 0; k < rows.length; k++) sums[k % length] += rows[k] * scores[Math.floor(k / length)];
  return sums;
}

function featuresOf({ classes, perClass, values }: PrototypeSet): number {
  return values.length / (classes * perClass);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
