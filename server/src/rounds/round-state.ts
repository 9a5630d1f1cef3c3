import type { BlobRef } from '@consilium/shared';

/** Where a round stands; each state owns only what becomes true with it. */
export type RoundStatus =
  | { state: 'planned' }
  | { state: 'open'; openedAt: Date; deadline: Date }
  | { state: 'collecting' }
  | { state: 'aggregating' }
  | { state: 'committed'; closedAt: Date; result: BlobRef }
  | { state: 'aborted'; closedAt: Date; reason: string };

/** How the members of a round have answered so far, and what it asks of them. */
export interface Tally {
  members: number;
  accepted: number;
  refused: number;
  /** Members that made no progress for too long: they may still answer, but are not waited for. */
  lapsed: number;
  quorum: number;
  /** Labelled volumes that all members, and those accepted, held when the round opened. */
  labelled: number;
  labelledAccepted: number;
  /** Of `labelled`, 0 to 1. */
  quorumShare: number;
  /** Names of required sites whose update has not been accepted. */
  requiredMissing: string[];
}

export type RoundEvent =
  | { type: 'opened'; at: Date; deadline: Date }
  | { type: 'update-accepted' }
  | { type: 'nobody-awaited'; tally: Tally; at: Date }
  | { type: 'deadline-passed'; tally: Tally; at: Date }
  /** `optimiser`: what the server's optimiser keeps, if it keeps anything. */
  | { type: 'aggregated'; result: BlobRef; optimiser: BlobRef | null; at: Date }
  | { type: 'aggregation-failed'; reason: string; at: Date }
  | { type: 'stopped'; at: Date };

/**
 * The only place where a round changes its state. Returns null where the event has come too late or too early for the
 * round to care (a deadline that passes while the round is being aggregated): the caller then changes nothing.
 */
export function transition(status: RoundStatus, event: RoundEvent): RoundStatus | null {
  if (status.state === 'committed' || status.state === 'aborted') return null;
  if (event.type === 'stopped')
    return { state: 'aborted', closedAt: event.at, reason: 'An operator stopped the study.' };
  switch (status.state) {
    case 'planned':
      return event.type === 'opened' ? { state: 'open', openedAt: event.at, deadline: event.deadline } : null;
    case 'open':
    case 'collecting':
      return whileCollecting(event);
    case 'aggregating':
      return whileAggregating(event);
  }
}

function whileCollecting(event: RoundEvent): RoundStatus | null {
  switch (event.type) {
    case 'update-accepted':
      return { state: 'collecting' };
    case 'nobody-awaited':
      return isClosable(event.tally) ? close(event.tally, event.at) : null;
    case 'deadline-passed':
      return close(event.tally, event.at);
    default:
      return null;
  }
}

function whileAggregating(event: RoundEvent): RoundStatus | null {
  switch (event.type) {
    case 'aggregated':
      return { state: 'committed', closedAt: event.at, result: event.result };
    case 'aggregation-failed':
      return { state: 'aborted', closedAt: event.at, reason: event.reason };
    default:
      return null;
  }
}

/** Whether waiting for the deadline can change nothing that the round asks for. A lapsed member may still save its quorum. */
export function isClosable(tally: Tally): boolean {
  const answered = tally.accepted + tally.refused;
  if (answered >= tally.members) return true;
  return answered + tally.lapsed >= tally.members && shortfall(tally) === null;
}

/** Never a silent subset: a round that misses its quorum leaves the model as it was. */
function close(tally: Tally, at: Date): RoundStatus {
  const reason = shortfall(tally);
  return reason === null ? { state: 'aggregating' } : { state: 'aborted', closedAt: at, reason };
}

/** What a round lacks to be aggregated, as sentences for an operator; null where it lacks nothing. */
function shortfall(tally: Tally): string | null {
  const { members, accepted, refused, quorum, labelled, labelledAccepted, quorumShare, requiredMissing } = tally;
  const lacks: string[] = [];
  if (accepted < Math.max(1, quorum)) {
    const missing = members - accepted - refused;
    lacks.push(
      `Expected at least ${quorum} accepted updates of ${members} sites, got ${accepted}; ${refused} refused, ${missing} missing.`,
    );
  }
  if (labelledAccepted < quorumShare * labelled) {
    const percent = Math.round(quorumShare * 100);
    lacks.push(
      `Expected updates for at least ${percent} % of the members' ${labelled} labelled volumes, got them for ${labelledAccepted}.`,
    );
  }
  if (requiredMissing.length > 0)
    lacks.push(`Expected an update of every required site, none came from ${requiredMissing.join(', ')}.`);
  return lacks.length === 0 ? null : lacks.join(' ');
}
