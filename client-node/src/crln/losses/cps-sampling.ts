import type { Random } from '@consilium/shared';

/** Voxels that cooperative positive supervision may draw from, over the concatenated batch. */
export interface Candidates {
  /** Class of each voxel that counts, -1 for one that does not [voxels]. */
  readonly label: Int32Array;
  /** Logarithm of the student's probability of that class [voxels]. */
  readonly logOwn: Float32Array;
  readonly classes: number;
}

/** What was drawn for one class: rows of the representations. */
export interface Drawn {
  readonly class: number;
  /** [Q] */
  readonly anchors: Int32Array;
  /** [Q, K] */
  readonly negatives: Int32Array;
}

export interface CpsSamplingSettings {
  readonly anchors: number;
  readonly negatives: number;
  readonly temperature: number;
  /** Probability below which the student is unsure of a voxel: only such voxels become anchors. */
  readonly strong: number;
}

/** Rows that stand in for a class that a batch has no voxel of. */
export const STAND_INS = 16;

/** Mean representation of each class [R]; null for a class that nothing is known of. */
export type ClassMeans = readonly (Float32Array | null)[];

/**
 * Draws anchors and negatives. A class has anchors where the student is unsure of some of its voxels. Its negatives come from
 * the other classes, the more often the more alike their means are. A class without voxels in this batch, but with a
 * mean, takes part as the STAND_INS rows from `voxels + class STAND_INS` on, behind the voxels' own.
 */
export function drawPairs(
  candidates: Candidates,
  means: ClassMeans,
  settings: CpsSamplingSettings,
  random: Random,
): Drawn[] {
  const { label, classes } = candidates;
  const all = rowsByClass(label, classes);
  const strong = Math.log(settings.strong);
  const hard = all.map((own) => own.filter((row) => candidates.logOwn[row] < strong));
  const rows = all.map((own, c) => (own.length > 0 || means[c] === null ? own : standInRows(label.length, c)));
  const drawn: Drawn[] = [];
  for (let c = 0; c < classes; c++) {
    const others = rows.flatMap((own, k) => (k !== c && own.length > 0 ? [k] : []));
    if (hard[c].length === 0 || others.length === 0) continue;
    const anchors = Int32Array.from({ length: settings.anchors }, () => oneOf(hard[c], random));
    const choose = alikeClasses(means, c, others, settings.temperature);
    const negatives = new Int32Array(settings.anchors * settings.negatives);
    for (let i = 0; i < negatives.length; i++) negatives[i] = oneOf(rows[choose(random)], random);
    drawn.push({ class: c, anchors, negatives });
  }
  return drawn;
}

function standInRows(voxels: number, c: number): Int32Array {
  return Int32Array.from({ length: STAND_INS }, (_, k) => voxels + c * STAND_INS + k);
}

function rowsByClass(label: Int32Array, classes: number): Int32Array[] {
  const counts = new Int32Array(classes);
  for (let row = 0; row < label.length; row++) if (label[row] >= 0) counts[label[row]]++;
  const rows = Array.from(counts, (count) => new Int32Array(count));
  const filled = new Int32Array(classes);
  for (let row = 0; row < label.length; row++) {
    const c = label[row];
    if (c >= 0) rows[c][filled[c]++] = row;
  }
  return rows;
}

/** Draws from `others` by the softmax of cosine similarity / temperature between class means. */
function alikeClasses(
  means: ClassMeans,
  own: number,
  others: number[],
  temperature: number,
): (random: Random) => number {
  if (others.length === 1) return () => others[0];
  const scores = others.map((k) => Math.exp(cosine(means[own]!, means[k]!) / temperature));
  const total = scores.reduce((sum, score) => sum + score, 0);
  return (random) => {
    let rest = random.uniform() * total;
    for (let i = 0; i < others.length - 1; i++) {
      rest -= scores[i];
      if (rest < 0) return others[i];
    }
    return others.at(-1)!;
  };
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return product / (Math.max(Math.sqrt(aa), 1e-8) * Math.max(Math.sqrt(bb), 1e-8));
}

function oneOf(rows: Int32Array, random: Random): number {
  return rows[random.below(rows.length)];
}
