import { setTimeout as sleep } from 'node:timers/promises';

/** Time as the agent sees it; injected, so that a test can make a minute pass at once. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason when it fires first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node's own error hides the reason.
      signal?.throwIfAborted();
      throw error;
    }
  },
};
