import type { Refusal, RefusalReason } from '../protocol/refusal.js';

/** Bytes from outside are not the container they claim to be. The message is a sentence that may be shown to a site. */
export class ContainerError extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string) {
    super(message);
    this.name = 'ContainerError';
    this.reason = reason;
  }

  get refusal(): Refusal {
    return { reason: this.reason, sentence: this.message };
  }
}

/** A name from outside, fit for a sentence: quoted, control characters escaped, cut to 80 characters. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 79)}…` : name);
}
