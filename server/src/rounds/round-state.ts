import type { BlobRef } from '@consilium/shared';

/** Where a round stands; each state owns only what is true in it. */
export type RoundStatus =
  | { state: 'open' }
  | { state: 'collecting' }
  | { state: 'aggregating' }
  | { state: 'committed'; closedAt: Date; result: BlobRef }
  | { state: 'aborted'; closedAt: Date; reason: string };

/** How the members of a round have answered so far. */
export interface Tally {
  members: number;
  accepted: number;
  refused: number;
  quorum: number;
}

export type RoundEvent =
  | { type: 'update-accepted' }
  | { type: 'everyone-answered'; tally: Tally; at: Date }
  | { type: 'deadline-passed'; tally: Tally; at: Date }
  | { type: 'aggregated'; result: BlobRef; at: Date }
  | { type: 'aggregation-failed'; reason: string; at: Date }
  | { type: 'stopped'; at: Date };

/**
 * The only place where a round changes its state. Returns null where the event has come too late or too early for the
 * round to care (a deadline that passes while the round is being aggregated): the caller then changes nothing.
 */
export function transition(status: RoundStatus, event: RoundEvent): RoundStatus | null {
  switch (status.state) {
    case 'open':
    case 'collecting':
      return whileCollecting(event);
    case 'aggregating':
      return whileAggregating(event);
    case 'committed':
    case 'aborted':
      return null;
  }
}

function whileCollecting(event: RoundEvent): RoundStatus | null {
  switch (event.type) {
    case 'update-accepted':
      return { state: 'collecting' };
    case 'everyone-answered':
      return event.tally.accepted + event.tally.refused < event.tally.members ? null : close(event.tally, event.at);
    case 'deadline-passed':
      return close(event.tally, event.at);
    case 'stopped':
      return { state: 'aborted', closedAt: event.at, reason: 'An operator stopped the study.' };
    case 'aggregated':
    case 'aggregation-failed':
      return null;
  }
}

function whileAggregating(event: RoundEvent): RoundStatus | null {
  switch (event.type) {
    case 'aggregated':
      return { state: 'committed', closedAt: event.at, result: event.result };
    case 'aggregation-failed':
      return { state: 'aborted', closedAt: event.at, reason: event.reason };
    case 'stopped':
      return { state: 'aborted', closedAt: event.at, reason: 'An operator stopped the study.' };
    case 'update-accepted':
    case 'everyone-answered':
    case 'deadline-passed':
      return null;
  }
}

/** Never a silent subset: a round that misses its quorum leaves the model as it was. */
function close(tally: Tally, at: Date): RoundStatus {
  if (tally.accepted >= tally.quorum && tally.accepted > 0) return { state: 'aggregating' };
  const missing = tally.members - tally.accepted - tally.refused;
  return {
    state: 'aborted',
    closedAt: at,
    reason: `Expected at least ${tally.quorum} accepted updates of ${tally.members} sites, got ${tally.accepted}; ${tally.refused} refused, ${missing} missing.`,
  };
}
