import type { RoundState } from '@consilium/shared';
import type { RoundEntity } from './round.entity.js';
import type { RoundStatus } from './round-state.js';

export const ACTIVE_STATES: RoundState[] = ['planned', 'open', 'collecting', 'aggregating'];
/** Updates are taken in. */
export const COLLECTING_STATES: RoundState[] = ['open', 'collecting'];

/** A row's columns as the union that the transition function speaks of. Throws where the columns contradict the state. */
export function statusOf(round: RoundEntity): RoundStatus {
  switch (round.state) {
    case 'open':
      return { state: 'open', ...openingOf(round) };
    case 'planned':
    case 'collecting':
    case 'aggregating':
      return { state: round.state };
    case 'committed': {
      const { closedAt, resultDigest, resultBytes } = round;
      if (!closedAt || resultDigest === null || resultBytes === null) throw broken(round, 'a result');
      return { state: 'committed', closedAt, result: { digest: resultDigest, bytes: resultBytes } };
    }
    case 'aborted':
      if (!round.closedAt || round.reason === null) throw broken(round, 'a reason');
      return { state: 'aborted', closedAt: round.closedAt, reason: round.reason };
  }
}

/** Throws for a round that has not been opened. */
export function openingOf(round: RoundEntity): { openedAt: Date; deadline: Date } {
  const { openedAt, deadline } = round;
  if (!openedAt || !deadline) throw broken(round, 'an opening and a deadline');
  return { openedAt, deadline };
}

type Columns = Partial<
  Pick<RoundEntity, 'state' | 'openedAt' | 'deadline' | 'closedAt' | 'reason' | 'resultDigest' | 'resultBytes'>
>;

export function columnsOf(status: RoundStatus): Columns {
  switch (status.state) {
    case 'open':
    case 'planned':
    case 'collecting':
    case 'aggregating':
      return status;
    case 'committed':
      return {
        state: 'committed',
        closedAt: status.closedAt,
        resultDigest: status.result.digest,
        resultBytes: status.result.bytes,
      };
    case 'aborted':
      return { state: 'aborted', closedAt: status.closedAt, reason: status.reason };
  }
}

function broken(round: RoundEntity, expected: string): Error {
  return new Error(`round ${round.id}: expected ${expected} in state ${round.state}, got none`);
}
