import type { Contribution, RoundTimeline, TimelineLane } from '@consilium/shared';
import { formatClock, formatSpan } from '../format/time.js';
import { CONTRIBUTION_STATES } from '../rounds/appearance.js';
import { isAwaited } from '../rounds/progress.js';

type State = Contribution['state'];

/** A stretch of a lane in which its site was in one state. Times in ms. */
export interface Stretch {
  state: State;
  from: number;
  to: number;
  /** It lasts still: `to` is now. */
  running: boolean;
}

export interface Lane {
  siteId: string;
  site: string;
  state: State;
  stretches: Stretch[];
  /** When the site's work in this round ended, and how; null while it is awaited. */
  end: { state: State; at: number } | null;
  refusal: TimelineLane['refusal'];
}

/** What is drawn between two instants, in ms. */
export interface Scale {
  from: number;
  to: number;
}

/** `now` in ms. A round that has not been opened has no timeline. */
export function lanesOf(timeline: RoundTimeline, now: number): Lane[] {
  return timeline.lanes.map(({ siteId, site, state, marks, refusal }) => {
    const last = marks.at(-1);
    const over = !isAwaited({ state });
    const stretches = marks.flatMap((mark, index): Stretch[] => {
      const next = marks.at(index + 1);
      if (!isAwaited(mark) || (next === undefined && over)) return [];
      const [from, to] = [Date.parse(mark.at), next === undefined ? now : Date.parse(next.at)];
      return [{ state: mark.state, from, to: Math.max(from, to), running: next === undefined }];
    });
    const end = over && last !== undefined ? { state, at: Date.parse(last.at) } : null;
    return { siteId, site, state, stretches, end, refusal };
  });
}

/** From the opening to the close, or to now: a deadline a day away would leave nothing to see of the first minutes. */
export function scaleOf({ openedAt, closedAt }: RoundTimeline, lanes: readonly Lane[], now: number): Scale | null {
  if (openedAt === null) return null;
  const from = Date.parse(openedAt);
  const ends = lanes.flatMap(({ stretches, end }) => [...stretches.map(({ to }) => to), end?.at ?? from]);
  const to = closedAt === null ? now : Date.parse(closedAt);
  return { from, to: Math.max(from + 1000, to, ...ends) };
}

/** 0 to 1 of the scale. */
export function share({ from, to }: Scale, at: number): number {
  return Math.min(1, Math.max(0, (at - from) / (to - from)));
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Instants to write beneath the lanes, at most six, with what has passed since the opening. */
export function ticksOf({ from, to }: Scale): { at: number; text: string }[] {
  const seconds = (to - from) / 1000;
  const step = STEPS.find((each) => seconds / each <= 6) ?? Math.ceil(seconds / 6 / 86_400) * 86_400;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => ({
    at: from + index * step * 1000,
    text: index === 0 ? 'opened' : formatSpan(index * step * 1000),
  }));
}

/** "st-anna: training from 10:01:02 for 12 min, still running". */
export function sentenceOf({ site }: Lane, { state, from, to, running }: Stretch): string {
  const when = `${site}: ${CONTRIBUTION_STATES[state].word} from ${formatClock(from)} for ${formatSpan(to - from)}`;
  return running ? `${when}, still running` : when;
}

export function endSentence({ site, state, end, refusal }: Lane): string {
  if (end === null) return `${site}: ${CONTRIBUTION_STATES[state].word}, still awaited`;
  const why = refusal === null ? '' : `, ${refusal.reason}: ${refusal.sentence}`;
  return `${site}: ${CONTRIBUTION_STATES[end.state].word} at ${formatClock(end.at)}${why}`;
}

/** "6 of 8 sites accepted, 1 refused, 1 training; the longest training took 12 min (st-anna)". */
export function timelineSummary(lanes: readonly Lane[]): string {
  const counts = new Map<State, number>();
  for (const { state } of lanes) counts.set(state, (counts.get(state) ?? 0) + 1);
  const accepted = counts.get('accepted') ?? 0;
  counts.delete('accepted');
  const others = [...counts].map(([state, count]) => `${count} ${CONTRIBUTION_STATES[state].word}`);
  const trained = lanes.flatMap((lane) =>
    lane.stretches
      .filter(({ state, running }) => state === 'training' && !running)
      .map(({ from, to }) => ({ site: lane.site, took: to - from })),
  );
  const longest = trained.toSorted((a, b) => b.took - a.took).at(0);
  const slowest =
    longest === undefined ? '' : `; the longest training took ${formatSpan(longest.took)} (${longest.site})`;
  return `${accepted} of ${lanes.length} sites accepted${others.map((other) => `, ${other}`).join('')}${slowest}.`;
}
