import type { Clock } from './clock.js';

/** "Look again" that is not lost when nobody waits for it: several signals before a wait count as one. */
export class WakeUp {
  #pending = false;
  #wake: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  readonly signal = (): void => {
    this.#pending = true;
    this.#wake?.();
  };

  /** Ends at the next signal, at once if there was one, or after `milliseconds`. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#pending) {
      const slept = new AbortController();
      this.#wake = () => slept.abort();
      try {
        await this.clock.sleep(milliseconds, AbortSignal.any([signal, slept.signal]));
      } catch (error) {
        if (!slept.signal.aborted) throw error;
      } finally {
        this.#wake = undefined;
      }
      signal.throwIfAborted();
    }
    this.#pending = false;
  }
}
