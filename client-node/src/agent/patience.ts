import { NodeFailure } from '../settings/failure.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
const REMINDER_MS = 60_000;

export interface PatienceOptions {
  clock: Clock;
  log: Log;
  onAway: (sentence: string) => void;
  /** 0 to 1; spreads the nodes of a consortium whose server has come back. */
  jitter: () => number;
}

/** Puts a question to the server until it is there to answer: says so once, then every minute. */
export class Patience {
  #awaySince: number | undefined;
  #saidAt = 0;

  constructor(private readonly options: PatienceOptions) {}

  /** Any other failure than an unreachable server passes through. */
  async ask<T>(question: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      signal.throwIfAborted();
      try {
        const answer = await question();
        this.#back();
        return answer;
      } catch (error) {
        if (!(error instanceof NodeFailure) || error.kind !== 'server-unreachable') throw error;
        this.#away(error.message);
      }
      await this.options.clock.sleep(pause * (0.75 + 0.5 * this.options.jitter()), signal);
    }
  }

  #away(sentence: string): void {
    const now = this.options.clock.now();
    if (this.#awaySince === undefined) {
      this.#awaySince = now;
      this.#saidAt = now;
      this.options.log.warn(`${sentence}; waiting for it`);
      this.options.onAway(sentence);
    } else if (now - this.#saidAt >= REMINDER_MS) {
      this.#saidAt = now;
      this.options.log.warn(`${sentence}; waiting for ${Math.round((now - this.#awaySince) / 60_000)} min`);
    }
  }

  #back(): void {
    if (this.#awaySince === undefined) return;
    this.#awaySince = undefined;
    this.options.log.info('the server is back');
  }
}
