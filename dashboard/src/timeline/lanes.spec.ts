import type { RoundTimeline, TimelineLane } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { exampleId, minutesFromNow, NOW } from '../rounds/example.js';
import { lanesOf, scaleOf, sentenceOf, share, ticksOf, timelineSummary } from './lanes.js';

const MINUTE = 60_000;

function lane(site: string, state: TimelineLane['state'], marks: [TimelineLane['state'], number][]): TimelineLane {
  return {
    siteId: exampleId(site.charCodeAt(0)),
    site,
    state,
    done: 1,
    total: 2,
    refusal: null,
    marks: marks.map(([entered, minute]) => ({ state: entered, at: minutesFromNow(minute) })),
  };
}

const timeline: RoundTimeline = {
  roundId: exampleId(9),
  number: 3,
  state: 'collecting',
  openedAt: minutesFromNow(-10),
  deadline: minutesFromNow(1000),
  closedAt: null,
  lanes: [
    lane('abbey', 'accepted', [
      ['invited', -10],
      ['training', -9],
      ['uploading', -4],
      ['accepted', -3],
    ]),
    lane('north', 'training', [
      ['invited', -10],
      ['training', -2],
    ]),
  ],
};

describe('lanesOf', () => {
  const lanes = lanesOf(timeline, NOW);

  it('turns marks into stretches, and ends where the site has answered', () => {
    expect(lanes[0]?.stretches.map(({ state, from, to, running }) => [state, (to - from) / MINUTE, running])).toEqual([
      ['invited', 1, false],
      ['training', 5, false],
      ['uploading', 1, false],
    ]);
    expect(lanes[0]?.end).toEqual({ state: 'accepted', at: NOW - 3 * MINUTE });
  });

  it('lets the last stretch of a site that works run until now', () => {
    const last = lanes[1]?.stretches.at(-1);
    expect(last).toEqual({ state: 'training', from: NOW - 2 * MINUTE, to: NOW, running: true });
    expect(lanes[1]?.end).toBeNull();
    if (last !== undefined)
      expect(sentenceOf(lanes[1], last)).toMatch(/^north: training from [\d:]+ for 2 min, still running$/);
  });

  it('is summed up in a sentence', () => {
    expect(timelineSummary(lanes)).toBe('1 of 2 sites accepted, 1 training; the longest training took 5 min (abbey).');
  });
});

describe('scaleOf', () => {
  it('ends now while the round is open, and at its close afterwards', () => {
    const lanes = lanesOf(timeline, NOW);
    const open = scaleOf(timeline, lanes, NOW);
    expect(open).toEqual({ from: NOW - 10 * MINUTE, to: NOW });
    if (open !== null) expect(share(open, NOW - 5 * MINUTE)).toBe(0.5);
    expect(scaleOf({ ...timeline, closedAt: minutesFromNow(5) }, lanes, NOW + 60 * MINUTE)?.to).toBe(NOW + 5 * MINUTE);
    expect(scaleOf({ ...timeline, openedAt: null }, lanes, NOW)).toBeNull();
  });
});

describe('ticksOf', () => {
  it('are few and on round figures, from seconds to weeks', () => {
    expect(ticksOf({ from: 0, to: 10 * MINUTE }).map(({ text }) => text)).toEqual([
      'opened',
      '2 min',
      '4 min',
      '6 min',
      '8 min',
      '10 min',
    ]);
    for (const seconds of [1, 7, 59, 3601, 86_400, 30 * 86_400]) {
      const ticks = ticksOf({ from: 0, to: seconds * 1000 });
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.at(-1)?.at).toBeLessThanOrEqual(seconds * 1000);
    }
  });
});
