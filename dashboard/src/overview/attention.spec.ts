import type { StudyCurves } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import {
  exampleContribution,
  exampleCurvePoint,
  exampleId,
  exampleRound,
  exampleSite,
  exampleStudy,
  minutesFromNow,
  NOW,
} from '../rounds/example.js';
import { needs, type Situation } from './attention.js';

const quiet: Situation = {
  study: exampleStudy(),
  curves: null,
  rounds: [exampleRound(1, { state: 'open', contributions: [exampleContribution('a', { state: 'training' })] })],
  sites: [exampleSite('a'), exampleSite('b')],
  now: NOW,
};

function sentences(over: Partial<Situation>): string[] {
  return needs({ ...quiet, ...over }).map((need) => `${need.urgency}: ${need.sentence}`);
}

describe('needs', () => {
  it('finds nothing while a round runs as it should', () => {
    expect(sentences({})).toEqual([]);
  });

  it('asks to start a draft and to resume a paused study, with the reason', () => {
    expect(sentences({ study: exampleStudy({ state: 'draft' }) })).toEqual([
      'act: Left atrium is a draft: no round opens until it is started.',
    ]);
    expect(
      sentences({ study: exampleStudy({ state: 'paused', reason: 'Three rounds in a row were aborted.' }) }),
    ).toEqual(['act: Left atrium is paused: Three rounds in a row were aborted.']);
  });

  it('counts the trainers that are missing before a round can open; observers do not count', () => {
    const sites = [exampleSite('a'), exampleSite('b', { connected: false }), exampleSite('c', { role: 'observer' })];
    expect(sentences({ rounds: [], sites })).toEqual(['act: Left atrium waits for sites: 1 of 2 connected.']);
  });

  it('names a late site in the last tenth of its round', () => {
    const rounds = [
      exampleRound(2, {
        state: 'collecting',
        deadline: minutesFromNow(5),
        contributions: [exampleContribution('a', { state: 'training' }), exampleContribution('b')],
      }),
    ];
    expect(sentences({ rounds })).toEqual(['watch: Round 2 closes in 5 min and still waits for a.']);
    expect(sentences({ rounds, now: NOW + 6 * 60_000 })).toEqual([
      'watch: Round 2 is past its deadline and still waits for a.',
    ]);
  });

  it('names a site that left before it submitted, but not one that left after', () => {
    const rounds = [
      exampleRound(2, {
        state: 'open',
        contributions: [exampleContribution('a', { state: 'uploading' }), exampleContribution('b')],
      }),
    ];
    const sites = [exampleSite('a', { connected: false }), exampleSite('b', { connected: false })];
    expect(sentences({ rounds, sites })).toEqual(['watch: a lost the connection before submitting to round 2.']);
  });

  it('puts a refused update first, with the sentence of the server and the name of the site', () => {
    const refused = exampleContribution('b', {
      state: 'refused',
      refusal: { reason: 'not-finite', sentence: 'expected finite numbers in mu, got NaN.' },
    });
    const rounds = [
      exampleRound(1, { state: 'aborted', reason: 'quorum not met: 1 of 2 updates', contributions: [refused] }),
      exampleRound(2, { state: 'open' }),
    ];
    expect(sentences({ rounds })).toEqual([
      'act: Round 1 refused an update: b: expected finite numbers in mu, got NaN.',
      'watch: Round 1 was aborted: quorum not met: 1 of 2 updates.',
    ]);
  });

  it('speaks of seventy sites in one line each', () => {
    const names = Array.from({ length: 70 }, (_, index) => `site-${index + 10}`);
    const rounds = [
      exampleRound(1, {
        state: 'collecting',
        deadline: minutesFromNow(1),
        contributions: names.map((name, index) =>
          exampleContribution(name, { siteId: exampleId(index), state: index < 30 ? 'refused' : 'training' }),
        ),
      }),
    ];
    const sites = names.map((name, index) => exampleSite(name, { id: exampleId(index), connected: index % 2 === 0 }));
    expect(sentences({ rounds, sites })).toEqual([
      'act: Round 1 refused 30 updates, the first: site-10: no reason was recorded.',
      'watch: site-41, site-43 and 18 more sites lost the connection before submitting to round 1.',
      'watch: Round 1 closes in 1 min and still waits for site-40, site-42 and 18 more sites.',
    ]);
  });

  it('forgets what a later closed round has overtaken, and a study that is over', () => {
    const missed = exampleRound(1, {
      contributions: ['a', 'b', 'c', 'd'].map((site) => exampleContribution(site, { state: 'missed' })),
    });
    const running = [missed, exampleRound(2, { state: 'open' })];
    expect(sentences({ rounds: running })).toEqual(['watch: a, b and 2 more sites missed round 1.']);
    expect(sentences({ rounds: [missed, exampleRound(2), exampleRound(3, { state: 'open' })] })).toEqual([]);
    expect(sentences({ rounds: [missed], study: exampleStudy({ state: 'finished' }) })).toEqual([]);
  });

  it('notices a fall of Dice below the best, unless sites have yet to report', () => {
    const curves = (...figures: [mean: number, sites: number][]): StudyCurves => ({
      sites: [],
      points: figures.map(([mean, sites], index) =>
        exampleCurvePoint(index, { roundId: exampleId(index), dice: { mean, low: mean, high: mean, sites } }),
      ),
    });
    expect(sentences({ curves: curves([0.1, 2], [0.8, 2], [0.7, 2]) })).toEqual([
      'watch: Dice fell to 0.700 in round 2; the best model so far has 0.800.',
    ]);
    expect(sentences({ curves: curves([0.1, 2], [0.8, 2], [0.7, 1]) })).toEqual([]);
    expect(sentences({ curves: curves([0.1, 2], [0.8, 2], [0.79, 2]) })).toEqual([]);
  });

  it('asks to approve who has enrolled, and to decide on what is held back', () => {
    const sites = [exampleSite('a'), exampleSite('b'), exampleSite('c', { state: 'pending', connected: false })];
    expect(sentences({ sites })).toEqual(['act: c has enrolled and waits for your approval.']);
    const held = exampleContribution('a', { state: 'quarantined' });
    expect(sentences({ rounds: [exampleRound(4, { state: 'collecting', contributions: [held] })] })).toEqual([
      'act: Round 4 holds the update of a for your decision.',
    ]);
  });

  it('claims nothing about sites that are not known', () => {
    expect(sentences({ rounds: [], sites: null })).toEqual([]);
    expect(sentences({ study: exampleStudy({ state: 'draft' }), sites: null })).toHaveLength(1);
  });

  it('names a trainer without volumes', () => {
    const sites = [exampleSite('a', { data: { labelled: 0, unlabelled: 0, validation: 4 } }), exampleSite('b')];
    expect(sentences({ sites })).toEqual(['watch: a is connected without any volume.']);
  });
});
