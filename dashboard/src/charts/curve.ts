import type { Spread, StudyCurves } from '@consilium/shared';

/** One figure of a study, model by model; all arrays are as long as `rounds`, null where nobody has measured. */
export interface Curve {
  /** 0 is the initial model. */
  rounds: number[];
  mean: (number | null)[];
  /** Of the sites. */
  low: (number | null)[];
  high: (number | null)[];
  /** Sorted by name; none where a figure is known over all sites only. */
  sites: { site: string; values: (number | null)[] }[];
}

export type Figure = 'dice' | 'hd95' | 'loss' | 'supervised' | 'unsupervised' | 'cps';

/** `last`: how many of the newest models; all without it. The initial model stands at round 0 where it was measured. */
export function curveOf({ sites, points }: StudyCurves, figure: Figure, last?: number): Curve {
  const known = points.filter((point) => point.version > 0 || point[figure] !== null);
  const shown = last === undefined ? known : known.slice(-last);
  const column = (key: keyof Spread): (number | null)[] => shown.map((point) => point[figure]?.[key] ?? null);
  const bySite = figure === 'dice' ? 'diceBySite' : figure === 'hd95' ? 'hd95BySite' : null;
  return {
    rounds: shown.map(({ version }) => version),
    mean: column('mean'),
    low: column('low'),
    high: column('high'),
    sites:
      bySite === null
        ? []
        : sites.map((site, index) => ({ site, values: shown.map((point) => point[bySite][index] ?? null) })),
  };
}

export function isEmpty(curve: Pick<Curve, 'mean'>): boolean {
  return curve.mean.every((value) => value === null);
}

interface Wording {
  /** Begins the sentence: "Mean Dice". */
  what: string;
  better: 'higher' | 'lower';
  format: (value: number | null) => string;
}

/** What the curve shows, in one sentence, for those who do not see it and for those in a hurry. */
export function curveSummary(curve: Curve, { what, better, format }: Wording): string {
  const measured = curve.mean.flatMap((value, index) => (value === null ? [] : [{ index, value }]));
  const first = measured.at(0);
  const last = measured.at(-1);
  if (first === undefined || last === undefined) return 'No model has been measured yet.';
  const at = (index: number): string => place(curve.rounds[index]);
  if (first === last) return `${what} is ${format(first.value)} ${at(first.index)}.`;
  // A change that the figures do not show is none.
  const same = format(first.value) === format(last.value);
  const verb = same ? 'stayed at' : last.value > first.value ? 'rose from' : 'fell from';
  const span = same ? format(last.value) : `${format(first.value)} ${at(first.index)} to ${format(last.value)}`;
  const ahead = (a: number, b: number): boolean => (better === 'higher' ? a > b : a < b);
  const best = measured.reduce((top, point) => (ahead(point.value, top.value) ? point : top));
  const peak =
    format(best.value) === format(last.value)
      ? 'the best so far'
      : `the best was ${format(best.value)} ${at(best.index)}`;
  return `${what} ${verb} ${span} ${at(last.index)}, ${peak}${spread(curve, last.index, format)}.`;
}

function spread({ low, high }: Curve, index: number, format: Wording['format']): string {
  const [least, most] = [low[index] ?? null, high[index] ?? null];
  return least === null || most === null || least === most ? '' : `; sites from ${format(least)} to ${format(most)}`;
}

function place(round: number | undefined): string {
  return round === 0 ? 'before training' : `in round ${round}`;
}

/** Limits of an axis for Dice: room around the values, on tenths, within what Dice can be. */
export function diceRange(values: readonly (number | null)[]): [number, number] {
  const known = values.filter((dice) => dice !== null);
  if (known.length === 0) return [0, 1];
  const low = Math.max(0, Math.floor(Math.min(...known) * 10) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...known) * 10 + 0.01) / 10);
  return high - low < 0.2 ? [Math.max(0, high - 0.2), high] : [low, high];
}
