import type { Quarantine } from '../protocol/refusal.js';
import type { AdmissionSettings } from '../protocol/study.js';

/** Fewer updates say nothing about which of them is the odd one: two against one may be the two that are wrong. */
const FEWEST = 4;

export interface JudgedUpdate {
  id: string;
  norm: number;
  /** See ChangeSketch. */
  sketch: Float32Array;
}

/**
 * The updates of one round that a person should look at, by id. Depends on the set of updates and not on their order.
 * `settings` null in both: none.
 */
export function outliers(
  updates: readonly JudgedUpdate[],
  { quarantineNorm, quarantineCosine }: Pick<AdmissionSettings, 'quarantineNorm' | 'quarantineCosine'>,
): Map<string, Quarantine> {
  const found = new Map<string, Quarantine>();
  if (updates.length < FEWEST) return found;
  const middle = median(updates.map(({ norm }) => norm));
  const cosines = quarantineCosine === null ? null : cosinesToOthers(updates);
  for (const { id, norm } of updates) {
    if (quarantineNorm !== null && middle > 0 && norm > quarantineNorm * middle) {
      const expected = `expected a change of at most ${quarantineNorm} times the round's median ${rounded(middle)}`;
      found.set(id, { reason: 'norm', sentence: `${expected}, got one of ${rounded(norm)}.` });
      continue;
    }
    const cosine = cosines?.get(id);
    if (cosine !== undefined && quarantineCosine !== null && cosine < quarantineCosine) {
      const expected = `expected a change in the direction of the others (cosine of at least ${quarantineCosine})`;
      found.set(id, { reason: 'direction', sentence: `${expected}, got one with the cosine ${cosine.toFixed(2)}.` });
    }
  }
  return found;
}

/** Of each update's change to the mean direction of all others'; an update without a change has none. */
function cosinesToOthers(updates: readonly JudgedUpdate[]): Map<string, number> {
  // In the order of ids: sums of floating-point numbers are not the same in every order.
  const sorted = [...updates].sort((a, b) => (a.id < b.id ? -1 : 1));
  const directions = sorted.flatMap(({ id, sketch }) => {
    const length = Math.sqrt(dot(sketch, sketch));
    return length > 0 ? [{ id, unit: Float64Array.from(sketch, (value) => value / length) }] : [];
  });
  const sum = new Float64Array(sorted[0].sketch.length);
  for (const { unit } of directions) for (let i = 0; i < sum.length; i++) sum[i] += unit[i];
  return new Map(
    directions.map(({ id, unit }) => {
      const others = sum.map((value, i) => value - unit[i]);
      const length = Math.sqrt(dot(others, others));
      return [id, length > 0 ? dot(unit, others) / length : 0];
    }),
  );
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function rounded(value: number): string {
  return value.toPrecision(3);
}
