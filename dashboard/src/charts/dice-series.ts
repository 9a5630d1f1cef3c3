import type { RoundView } from '@consilium/shared';
import { formatDice, plural } from '../format/figures.js';

/** Dice by committed round; the initial model stands at round 0 where it was measured. */
export interface DiceSeries {
  rounds: number[];
  /** Over all volumes, as long as `rounds`; null where no site has reported yet. */
  mean: (number | null)[];
  /** Sorted by name. */
  sites: { site: string; dice: (number | null)[] }[];
}

export function diceSeries(rounds: RoundView[], initialDice: number | null): DiceSeries {
  const committed = rounds.filter((round) => round.state === 'committed');
  const lead = initialDice === null ? 0 : 1;
  const names = new Set(committed.flatMap((round) => round.evaluations.map((evaluation) => evaluation.site)));
  const rows = new Map(
    [...names].sort().map((site) => [site, Array<number | null>(lead + committed.length).fill(null)]),
  );
  committed.forEach((round, index) => {
    for (const { site, dice } of round.evaluations) {
      const row = rows.get(site);
      if (row !== undefined) row[lead + index] = dice;
    }
  });
  return {
    rounds: [...(lead === 1 ? [0] : []), ...committed.map((round) => round.number)],
    mean: [...(initialDice === null ? [] : [initialDice]), ...committed.map((round) => round.dice)],
    sites: [...rows].map(([site, dice]) => ({ site, dice })),
  };
}

/** What the curve shows, in one sentence, for those who do not see it and for those in a hurry. */
export function diceSummary({ rounds, mean, sites }: DiceSeries): string {
  const measured = mean.flatMap((dice, index) => (dice === null ? [] : [{ round: rounds[index], dice }]));
  const first = measured.at(0);
  const last = measured.at(-1);
  if (first === undefined || last === undefined) return 'No model has been evaluated yet.';
  if (first === last) return `Mean Dice is ${formatDice(first.dice)} ${at(first.round)}.`;
  const change = last.dice - first.dice;
  const verb = Math.abs(change) < 0.0005 ? 'stayed at' : change > 0 ? 'rose from' : 'fell from';
  const span =
    verb === 'stayed at'
      ? formatDice(last.dice)
      : `${formatDice(first.dice)} ${at(first.round)} to ${formatDice(last.dice)}`;
  const best = measured.reduce((top, point) => (point.dice > top.dice ? point : top));
  // A lead that three decimals do not show is none.
  const peak =
    best.dice - last.dice < 0.0005 ? 'the best so far' : `the best was ${formatDice(best.dice)} ${at(best.round)}`;
  return `Mean Dice ${verb} ${span} ${at(last.round)}, ${peak}${spread(sites, rounds.indexOf(last.round))}.`;
}

function spread(sites: DiceSeries['sites'], index: number): string {
  const known = sites.flatMap(({ dice }) => dice[index] ?? []);
  if (known.length < 2) return '';
  return `; ${plural(known.length, 'site')} from ${formatDice(Math.min(...known))} to ${formatDice(Math.max(...known))}`;
}

function at(round: number): string {
  return round === 0 ? 'before training' : `in round ${round}`;
}

/** Limits of the axis: room around the values, on tenths, within what Dice can be. */
export function diceRange(series: DiceSeries): [number, number] {
  const values = [...series.mean, ...series.sites.flatMap((site) => site.dice)].filter((dice) => dice !== null);
  if (values.length === 0) return [0, 1];
  const low = Math.max(0, Math.floor(Math.min(...values) * 10) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...values) * 10 + 0.01) / 10);
  return high - low < 0.2 ? [Math.max(0, high - 0.2), high] : [low, high];
}
