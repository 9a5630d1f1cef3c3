import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transition, type RoundEvent, type RoundStatus, type Tally } from './round-state.js';

const at = new Date('2026-01-01T00:00:00Z');
const tally = (accepted: number, refused = 0, more: Partial<Tally> = {}): Tally => ({
  members: 3,
  accepted,
  refused,
  lapsed: 0,
  quorum: 2,
  labelled: 30,
  labelledAccepted: accepted * 10,
  quorumShare: 0,
  requiredMissing: [],
  ...more,
});
const deadline = new Date('2026-01-02T00:00:00Z');

describe('round', () => {
  it('is planned until it opens, with its deadline', () => {
    const opened = transition({ state: 'planned' }, { type: 'opened', at, deadline });
    expect(opened).toEqual({ state: 'open', openedAt: at, deadline });
    expect(transition({ state: 'planned' }, { type: 'deadline-passed', tally: tally(3), at })).toBeNull();
    expect(transition({ state: 'collecting' }, { type: 'opened', at, deadline })).toBeNull();
  });

  it('starts collecting with the first update and stays so', () => {
    expect(transition({ state: 'open', openedAt: at, deadline }, { type: 'update-accepted' })).toEqual({
      state: 'collecting',
    });
    expect(transition({ state: 'collecting' }, { type: 'update-accepted' })).toEqual({ state: 'collecting' });
  });

  it('waits for all members before its deadline', () => {
    expect(transition({ state: 'collecting' }, { type: 'nobody-awaited', tally: tally(2), at })).toBeNull();
    const event: RoundEvent = { type: 'nobody-awaited', tally: tally(2, 1), at };
    expect(transition({ state: 'collecting' }, event)).toEqual({ state: 'aggregating' });
  });

  it('does not wait for members that lost their lease, unless its quorum needs them', () => {
    const lost = (accepted: number, lapsed: number, more: Partial<Tally> = {}): RoundEvent => ({
      type: 'nobody-awaited',
      tally: tally(accepted, 0, { lapsed, ...more }),
      at,
    });
    expect(transition({ state: 'collecting' }, lost(2, 1))).toEqual({ state: 'aggregating' });
    expect(transition({ state: 'collecting' }, lost(1, 2))).toBeNull();
    expect(transition({ state: 'collecting' }, lost(2, 1, { requiredMissing: ['north'] }))).toBeNull();
  });

  it('asks for labelled volumes and required sites as well as for a number of updates', () => {
    const at50 = {
      type: 'deadline-passed',
      at,
      tally: tally(2, 0, { quorumShare: 0.7, requiredMissing: ['north'] }),
    } as const;
    expect(transition({ state: 'collecting' }, at50)).toEqual({
      state: 'aborted',
      closedAt: at,
      reason:
        "Expected updates for at least 70 % of the members' 30 labelled volumes, got them for 20. " +
        'Expected an update of every required site, none came from north.',
    });
  });

  it('is aggregated at the deadline with a quorum and aborted without one, saying the numbers', () => {
    const met: RoundEvent = { type: 'deadline-passed', tally: tally(2), at };
    expect(transition({ state: 'collecting' }, met)).toEqual({ state: 'aggregating' });
    const missed: RoundEvent = { type: 'deadline-passed', tally: tally(1, 1), at };
    expect(transition({ state: 'collecting' }, missed)).toEqual({
      state: 'aborted',
      closedAt: at,
      reason: 'Expected at least 2 accepted updates of 3 sites, got 1; 1 refused, 1 missing.',
    });
  });

  it('never leaves its last state', () => {
    const ends: RoundStatus[] = [
      { state: 'committed', closedAt: at, result: { digest: 'a'.repeat(64), bytes: 1 } },
      { state: 'aborted', closedAt: at, reason: 'x' },
    ];
    const events: RoundEvent[] = [
      { type: 'update-accepted' },
      { type: 'opened', at, deadline },
      { type: 'nobody-awaited', tally: tally(3), at },
      { type: 'deadline-passed', tally: tally(3), at },
      { type: 'aggregated', result: { digest: 'b'.repeat(64), bytes: 1 }, optimiser: null, at },
      { type: 'aggregation-failed', reason: 'y', at },
      { type: 'stopped', at },
    ];
    fc.assert(
      fc.property(fc.constantFrom(...ends), fc.constantFrom(...events), (end, event) => {
        expect(transition(end, event)).toBeNull();
      }),
    );
  });
});
