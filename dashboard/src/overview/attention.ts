import type { Contribution, RoundView, SiteView, StudyCurves, StudyView } from '@consilium/shared';
import { formatDice, plural } from '../format/figures.js';
import { formatSpan } from '../format/time.js';
import { isAwaited, isClosed, roundUnderWay } from '../rounds/progress.js';

/** One thing that needs a person. `act`: nothing goes on without one; `watch`: it may right itself. */
export interface Need {
  key: string;
  urgency: 'act' | 'watch';
  sentence: string;
  target: { page: 'round' | 'study'; id: string } | { page: 'sites' };
}

export interface Situation {
  study: StudyView;
  /** The round that is under way and the one closed before it, in order of their numbers: older ones are history. */
  rounds: RoundView[];
  /** Null while they are not known. */
  curves: StudyCurves | null;
  /** Null while they are not known: what depends on them is then not claimed either way. */
  sites: SiteView[] | null;
  /** ms since the epoch */
  now: number;
}

/** Below this, sites' Dice moves by chance from round to round. */
export const NOTABLE_DICE_FALL = 0.02;
/** A site is late in the last tenth of its round. */
const LATE_SHARE = 0.1;

export function needs(situation: Situation): Need[] {
  const found = [
    ...studyNeeds(situation),
    ...waitingNeeds(situation),
    ...openRoundNeeds(situation),
    ...closedRoundNeeds(situation),
    ...diceNeeds(situation),
    ...dataNeeds(situation),
    ...approvalNeeds(situation),
  ];
  return found.toSorted((a, b) => Number(a.urgency === 'watch') - Number(b.urgency === 'watch'));
}

function studyNeeds({ study }: Situation): Need[] {
  const target = { page: 'study', id: study.id } as const;
  const name = study.manifest.name;
  if (study.state === 'draft') {
    return [
      { key: 'draft', urgency: 'act', sentence: `${name} is a draft: no round opens until it is started.`, target },
    ];
  }
  if (study.state === 'paused') {
    const why = study.reason === null ? '' : `: ${withoutStop(study.reason)}`;
    return [{ key: 'paused', urgency: 'act', sentence: `${name} is paused${why}.`, target }];
  }
  return [];
}

/** A running study without a round waits for sites, unless its rounds are all done. */
function waitingNeeds({ study, rounds, sites }: Situation): Need[] {
  if (sites === null || study.state !== 'running' || roundUnderWay(rounds) !== null) return [];
  const wanted = study.manifest.rounds.minimumSites;
  const here = sites.filter((site) => site.state === 'enrolled' && site.role === 'trainer' && site.connected).length;
  if (here >= wanted) return [];
  const sentence = `${study.manifest.name} waits for sites: ${here} of ${wanted} connected.`;
  return [{ key: 'waiting', urgency: 'act', sentence, target: { page: 'sites' } }];
}

function openRoundNeeds({ rounds, sites, now }: Situation): Need[] {
  const round = roundUnderWay(rounds);
  if (round === null || round.state === 'aggregating' || round.deadline === null || round.openedAt === null) return [];
  const target = { page: 'round', id: round.id } as const;
  const left = Date.parse(round.deadline) - now;
  const late = left < LATE_SHARE * (Date.parse(round.deadline) - Date.parse(round.openedAt));
  const awaited = round.contributions.filter(isAwaited);
  const away = awaited.filter(({ siteId }) => sites?.find((site) => site.id === siteId)?.connected === false);
  const here = awaited.filter((contribution) => !away.includes(contribution));
  const found: Need[] = [];
  if (away.length > 0) {
    const sentence = `${listSites(away)} lost the connection before submitting to round ${round.number}.`;
    found.push({ key: `away-${round.id}`, urgency: 'watch', sentence, target });
  }
  if (late && here.length > 0) {
    const when = left > 0 ? `closes in ${formatSpan(left)}` : 'is past its deadline';
    const sentence = `Round ${round.number} ${when} and still waits for ${listSites(here)}.`;
    found.push({ key: `late-${round.id}`, urgency: 'watch', sentence, target });
  }
  return [...found, ...heldBack(round), ...refusals(round)];
}

/** An update that nobody releases before the deadline is refused. */
function heldBack(round: RoundView): Need[] {
  const held = round.contributions.filter(({ state }) => state === 'quarantined');
  if (held.length === 0) return [];
  const sentence = `Round ${round.number} holds ${held.length === 1 ? 'the update' : 'updates'} of ${listSites(held)} for your decision.`;
  return [{ key: `held-${round.id}`, urgency: 'act', sentence, target: { page: 'round', id: round.id } }];
}

/** Of the newest closed round only: what happened before it is history, not a task. */
function closedRoundNeeds({ study, rounds }: Situation): Need[] {
  if (study.state === 'finished' || study.state === 'stopped') return [];
  const round = rounds.findLast((each) => isClosed(each.state));
  if (round === undefined) return [];
  const target = { page: 'round', id: round.id } as const;
  const found: Need[] = [];
  if (round.state === 'aborted') {
    const why = round.reason === null ? '' : `: ${withoutStop(round.reason)}`;
    found.push({
      key: `aborted-${round.id}`,
      urgency: 'watch',
      sentence: `Round ${round.number} was aborted${why}.`,
      target,
    });
  }
  const missed = round.contributions.filter((each) => each.state === 'missed' || each.state === 'lapsed');
  if (missed.length > 0) {
    const sentence = `${listSites(missed)} missed round ${round.number}.`;
    found.push({ key: `missed-${round.id}`, urgency: 'watch', sentence, target });
  }
  return [...found, ...refusals(round)];
}

function refusals(round: RoundView): Need[] {
  const refused = round.contributions.filter((each) => each.state === 'refused');
  const first = refused.at(0);
  if (first === undefined) return [];
  const what = refused.length === 1 ? 'an update' : `${refused.length} updates, the first`;
  return [
    {
      key: `refused-${round.id}`,
      urgency: 'act',
      sentence: `Round ${round.number} refused ${what}: ${refusalSentence(first)}.`,
      target: { page: 'round', id: round.id },
    },
  ];
}

/** The server's sentence mostly names the site already. */
function refusalSentence({ site, refusal }: Contribution): string {
  const sentence = withoutStop(refusal?.sentence ?? 'no reason was recorded');
  // A whole word: a site may be called "b".
  return new RegExp(`(^|[^a-z0-9-])${site}($|[^a-z0-9-])`).test(sentence) ? sentence : `${site}: ${sentence}`;
}

function diceNeeds({ curves }: Situation): Need[] {
  const measured = (curves?.points ?? []).flatMap(({ version, roundId, dice }) =>
    dice === null ? [] : [{ version, roundId, dice }],
  );
  const last = measured.at(-1);
  // A model that some sites have yet to measure has the mean of other volumes than the one before.
  if (last === undefined || last.roundId === null || last.dice.sites < (measured.at(-2)?.dice.sites ?? 0)) return [];
  const best = Math.max(...measured.map(({ dice }) => dice.mean));
  if (best - last.dice.mean <= NOTABLE_DICE_FALL) return [];
  const sentence = `Dice fell to ${formatDice(last.dice.mean)} in round ${last.version}; the best model so far has ${formatDice(best)}.`;
  return [{ key: `dice-${last.version}`, urgency: 'watch', sentence, target: { page: 'round', id: last.roundId } }];
}

function dataNeeds({ sites }: Situation): Need[] {
  const without = (sites ?? []).filter(
    ({ state, role, connected, data }) =>
      state === 'enrolled' && role === 'trainer' && connected && data !== null && data.labelled + data.unlabelled === 0,
  );
  if (without.length === 0) return [];
  const sentence = `${list(without.map((site) => site.name))} ${without.length === 1 ? 'is' : 'are'} connected without any volume.`;
  return [{ key: 'no-data', urgency: 'watch', sentence, target: { page: 'sites' } }];
}

function approvalNeeds({ sites }: Situation): Need[] {
  const pending = (sites ?? []).filter(({ state }) => state === 'pending');
  if (pending.length === 0) return [];
  const sentence = `${list(pending.map((site) => site.name))} ${pending.length === 1 ? 'has' : 'have'} enrolled and ${pending.length === 1 ? 'waits' : 'wait'} for your approval.`;
  return [{ key: 'pending', urgency: 'act', sentence, target: { page: 'sites' } }];
}

function listSites(contributions: Contribution[]): string {
  return list(contributions.map(({ site }) => site));
}

/** "a", "a and b", "a, b and 5 more sites": a federation of seventy must not fill the panel. */
function list(names: string[]): string {
  if (names.length > 3) return `${names.slice(0, 2).join(', ')} and ${plural(names.length - 2, 'more site')}`;
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

function withoutStop(sentence: string): string {
  return sentence.trim().replace(/\.$/, '');
}
