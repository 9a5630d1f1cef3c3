import type { Contribution, RoundTimeline, RoundView } from '@consilium/shared';
import { formatWeight, plural } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import type { Appearance } from '../frame/state.js';
import { CONTRIBUTION_STATES, ROUND_STATES } from '../rounds/appearance.js';

/** One thing that happened. */
export interface NewsItem {
  key: string;
  at: string;
  roundId: string;
  sentence: string;
  is: Appearance;
}

/** What happened in these rounds, newest first; a timeline for each of them says when. */
export function newsOf(rounds: readonly RoundView[], timelines: readonly RoundTimeline[]): NewsItem[] {
  return rounds
    .flatMap((round) => [...newsOfRound(round), ...newsOfSites(round, timelines)])
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

function newsOfRound(round: RoundView): NewsItem[] {
  const { id, number, openedAt, closedAt, state, reason, contributions } = round;
  const item = (at: string | null, word: string, is: Appearance): NewsItem[] =>
    at === null ? [] : [{ key: `${id} ${is.word}`, at, roundId: id, sentence: `Round ${number} ${word}`, is }];
  const accepted = contributions.filter((each) => each.state === 'accepted').length;
  const outcome =
    state === 'committed'
      ? `committed a model from ${plural(accepted, 'update')}`
      : `was aborted${reason === null ? '' : `: ${reason.replace(/\.$/, '')}`}`;
  return [
    ...item(closedAt, outcome, ROUND_STATES[state]),
    ...item(openedAt, `opened with ${plural(contributions.length, 'site')}`, ROUND_STATES.open),
  ];
}

function newsOfSites(round: RoundView, timelines: readonly RoundTimeline[]): NewsItem[] {
  const lanes = timelines.find(({ roundId }) => roundId === round.id)?.lanes ?? [];
  return round.contributions.flatMap((contribution): NewsItem[] => {
    const { siteId, state } = contribution;
    const at = lanes.find((lane) => lane.siteId === siteId)?.marks.find((mark) => mark.state === state)?.at;
    const sentence = sentenceOf(contribution);
    if (at === undefined || sentence === null) return [];
    const key = `${round.id} ${siteId}`;
    return [
      { key, at, roundId: round.id, sentence: `Round ${round.number}: ${sentence}`, is: CONTRIBUTION_STATES[state] },
    ];
  });
}

/** Null while a site works: that stands in the round itself. */
function sentenceOf({ site, state, bytes, weight, refusal }: Contribution): string | null {
  switch (state) {
    case 'accepted': {
      const size = bytes === null ? '' : `, ${formatBytes(bytes)}`;
      return `${site}'s update accepted${size}${weight === null ? '' : `, weight ${formatWeight(weight)}`}`;
    }
    case 'refused':
      return `${site}'s update refused${refusal === null ? '' : `, ${refusal.reason}`}`;
    case 'quarantined':
      return `${site}'s update held for a person`;
    case 'lapsed':
      return `${site} makes no progress, and is not waited for`;
    case 'missed':
      return `${site} brought nothing`;
    default:
      return null;
  }
}
