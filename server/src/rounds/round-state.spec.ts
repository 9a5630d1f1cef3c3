import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transition, type RoundEvent, type RoundStatus, type Tally } from './round-state.js';

const at = new Date('2026-01-01T00:00:00Z');
const tally = (accepted: number, refused = 0, members = 3, quorum = 2): Tally => ({
  members,
  accepted,
  refused,
  quorum,
});

describe('round', () => {
  it('starts collecting with the first update and stays so', () => {
    expect(transition({ state: 'open' }, { type: 'update-accepted' })).toEqual({ state: 'collecting' });
    expect(transition({ state: 'collecting' }, { type: 'update-accepted' })).toEqual({ state: 'collecting' });
  });

  it('waits for all members before its deadline', () => {
    expect(transition({ state: 'collecting' }, { type: 'everyone-answered', tally: tally(2), at })).toBeNull();
    const event: RoundEvent = { type: 'everyone-answered', tally: tally(2, 1), at };
    expect(transition({ state: 'collecting' }, event)).toEqual({ state: 'aggregating' });
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
      { type: 'everyone-answered', tally: tally(3), at },
      { type: 'deadline-passed', tally: tally(3), at },
      { type: 'aggregated', result: { digest: 'b'.repeat(64), bytes: 1 }, at },
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
