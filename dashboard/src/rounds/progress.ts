import type { Contribution, RoundState, RoundView } from '@consilium/shared';

/** A round in one of these states can still change. */
export function isUnderWay(state: RoundState): boolean {
  return state === 'open' || state === 'collecting' || state === 'aggregating';
}

export function isClosed(state: RoundState): boolean {
  return state === 'committed' || state === 'aborted';
}

/** The round that is under way; rounds in order of their numbers. */
export function roundUnderWay<R extends { state: RoundState }>(rounds: readonly R[]): R | null {
  return rounds.findLast((round) => isUnderWay(round.state)) ?? null;
}

export function acceptedCount(round: Pick<RoundView, 'contributions'>): number {
  return round.contributions.filter((contribution) => contribution.state === 'accepted').length;
}

/** Whether this site can still bring an update into its round. */
export function isAwaited(contribution: Pick<Contribution, 'state'>): boolean {
  return !['accepted', 'quarantined', 'refused', 'lapsed', 'missed'].includes(contribution.state);
}

/** 0 to 1 of the contribution's present phase; null where the phase has no measure. */
export function phaseShare(contribution: Pick<Contribution, 'state' | 'done' | 'total'>): number | null {
  if (contribution.state === 'accepted') return 1;
  if (!isAwaited(contribution) || contribution.total === 0) return null;
  return Math.min(1, contribution.done / contribution.total);
}
