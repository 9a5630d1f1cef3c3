import { asFileFailure, errorText, NodeFailure, systemCode, type FailureKind } from '../settings/failure.js';

/** An error as it goes to another process or thread. */
export function describeFailure(error: unknown): { kind: FailureKind; sentence: string } {
  if (error instanceof NodeFailure) return { kind: error.kind, sentence: error.message };
  if (systemCode(error) !== undefined) {
    const { kind, message } = asFileFailure(error, 'the trainer');
    return { kind, sentence: message };
  }
  return { kind: 'internal', sentence: `the trainer: ${errorText(error)}` };
}
