import type { AggregationSettings } from '../protocol/aggregation-settings.js';

/** Volumes that an update says it was trained on; admission has held them to what the site enrolled with. */
export interface VolumeCounts {
  labelled: number;
  unlabelled: number;
  /** Rounds between the one that it was trained for and this one: the older its base, the less it counts. */
  staleness: number;
}

type WeightSettings = Pick<
  AggregationSettings,
  'weights' | 'unlabelledWeight' | 'unlabelledRampRounds' | 'unlabelledShare' | 'siteShare'
>;

/**
 * What each update of a round counts, in whole thousandths of a labelled volume. Depends on the set of updates and not on
 * its order. `round` is 1 for the first.
 */
export function siteWeights(updates: readonly VolumeCounts[], settings: WeightSettings, round: number): number[] {
  const fresh = uncapped(updates, settings, round);
  const weights = fresh.map((weight, i) => Math.round(weight / (1 + updates[i].staleness)));
  return withinShare(weights, settings.siteShare);
}

function uncapped(updates: readonly VolumeCounts[], settings: WeightSettings, round: number): number[] {
  if (settings.weights === 'uniform') return updates.map(() => 1000);
  if (settings.weights === 'samples') return updates.map(({ labelled, unlabelled }) => 1000 * (labelled + unlabelled));
  const { unlabelledWeight, unlabelledRampRounds, unlabelledShare } = settings;
  const ramp = Math.min(1, round / (unlabelledRampRounds + 1));
  const unit = Math.round(1000 * unlabelledWeight * ramp);
  const labelledSum = 1000 * sum(updates.map(({ labelled }) => labelled));
  const unlabelledSum = unit * sum(updates.map(({ unlabelled }) => unlabelled));
  // Where nobody has a label there is nothing that unlabelled volumes could outweigh.
  const allowed = labelledSum === 0 ? Infinity : (labelledSum * unlabelledShare) / (1 - unlabelledShare);
  const scale = unlabelledSum > allowed ? allowed / unlabelledSum : 1;
  return updates.map(({ labelled, unlabelled }) => 1000 * labelled + Math.floor(unlabelled * unit * scale));
}

/** Cuts the largest weights to one level at which none is more than `share` of the sum; to equal ones where none can be. */
function withinShare(weights: readonly number[], share: number): number[] {
  const sorted = [...weights].sort((a, b) => b - a);
  let rest = sum(sorted);
  for (let cut = 0; cut < sorted.length; cut++) {
    // With the `cut` largest at `level`: level = share (cut level + rest).
    const level = cut * share < 1 ? (share * rest) / (1 - cut * share) : Infinity;
    if (sorted[cut] <= level) return cut === 0 ? [...weights] : weights.map((weight) => cutTo(weight, level));
    rest -= sorted[cut];
  }
  const smallest = sorted.findLast((weight) => weight > 0) ?? 0;
  return weights.map((weight) => Math.min(weight, smallest));
}

function cutTo(weight: number, level: number): number {
  return Math.min(weight, Math.max(1, Math.floor(level)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
