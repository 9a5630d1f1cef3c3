/** Why an answer is missing; decides what the user can do about it. */
export type FailureKind = 'unreachable' | 'refused' | 'broken' | 'unexpected';

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly status: number | null = null,
    /** Of the server's closed list, where it is the server that says no. */
    readonly code?: string,
  ) {
    super(message);
    this.name = 'Failure';
  }
}

const ADVICE: Record<FailureKind, string> = {
  unreachable:
    'It is tried again by itself; if this lasts, check that the server runs and that this computer reaches it.',
  refused: 'Correct what it says and try again.',
  broken: "Try again; if this lasts, the server's log has the cause.",
  unexpected: 'Reload the page: the server may have been updated since it was opened.',
};

export function adviceOn(error: Error): string {
  return error instanceof Failure ? ADVICE[error.kind] : 'Reload the page.';
}
