import { errorText, NodeFailure } from '../settings/failure.js';
import { EXIT_CODES } from './exit-codes.js';

/** One run of the command line: its interruption, and what must be closed before it ends. */
export class Session {
  readonly #interrupt = new AbortController();
  #stopped = false;
  readonly #closing: (() => Promise<void>)[] = [];

  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Ctrl-C and a service manager's stop end the command in order; a second one ends it at once. */
  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (this.signal.aborted) process.exit(EXIT_CODES.interrupted);
        this.#stopped = name === 'SIGTERM';
        this.interrupt(this.#stopped ? 'stopped' : 'interrupted');
      });
    }
  }

  /** A service manager asked for the end: a stop that went in order is no failure. */
  get wasStopped(): boolean {
    return this.#stopped;
  }

  interrupt(sentence: string): void {
    this.#interrupt.abort(new NodeFailure('interrupted', sentence));
  }

  onClose(close: () => Promise<void>): void {
    this.#closing.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close().catch(() => undefined);
  }
}

/** The exit code and the sentence of whatever ended a command. */
export function verdict(error: unknown): { code: number; sentence: string } {
  if (error instanceof NodeFailure) return { code: EXIT_CODES[error.kind], sentence: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : errorText(error);
  return { code: EXIT_CODES.internal, sentence: `an error that should not happen: ${text}` };
}
