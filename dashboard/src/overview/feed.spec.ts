import type { RoundTimeline } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { exampleContribution, exampleId, exampleRound, minutesFromNow } from '../rounds/example.js';
import { newsOf } from './feed.js';

const contributions = [
  exampleContribution('abbey', { weight: 0.24, bytes: 19_800_000 }),
  exampleContribution('north', {
    state: 'refused',
    refusal: { reason: 'not-finite', sentence: 'expected finite numbers' },
  }),
  exampleContribution('quay', { state: 'training' }),
];
const round = exampleRound(7, { state: 'collecting', openedAt: minutesFromNow(-60), contributions });
const timeline: RoundTimeline = {
  roundId: round.id,
  number: 7,
  state: 'collecting',
  openedAt: round.openedAt,
  deadline: round.deadline,
  closedAt: null,
  lanes: contributions.map(({ siteId, site, state }, index) => ({
    siteId,
    site,
    state,
    done: 0,
    total: 0,
    refusal: null,
    marks: [
      { state: 'invited', at: minutesFromNow(-60) },
      { state, at: minutesFromNow(-30 + 10 * index) },
    ],
  })),
};

describe('newsOf', () => {
  it('says in sentences what happened, newest first, and nothing of what is under way', () => {
    expect(newsOf([round], [timeline]).map(({ at, sentence }) => [at, sentence])).toEqual([
      [minutesFromNow(-20), "Round 7: north's update refused, not-finite"],
      [minutesFromNow(-30), "Round 7: abbey's update accepted, 19.8 MB, weight 0.240"],
      [minutesFromNow(-60), 'Round 7 opened with 3 sites'],
    ]);
  });

  it('tells how a round ended', () => {
    const committed = exampleRound(1, { closedAt: minutesFromNow(-5), contributions: [exampleContribution('abbey')] });
    const aborted = exampleRound(2, {
      id: exampleId(2),
      state: 'aborted',
      closedAt: minutesFromNow(-1),
      reason: 'quorum not met.',
    });
    const sentences = newsOf([committed, aborted], []).map(({ sentence }) => sentence);
    expect(sentences.slice(0, 2)).toEqual([
      'Round 2 was aborted: quorum not met',
      'Round 1 committed a model from 1 update',
    ]);
  });
});
