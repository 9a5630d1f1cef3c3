import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { SetupProblem } from './setup-problem.js';
import type { SetupReporter } from './setup-reporter.js';

export interface LockTimes {
  /** Milliseconds after which the lock of a process that was killed no longer counts. */
  stale: number;
  poll: number;
  /** A build is bounded, so waiting for one is too. */
  patience: number;
}

const usualTimes: LockTimes = { stale: 10_000, poll: 500, patience: 45 * 60_000 };

/** Runs `work` while no other process of this user builds an engine in `cache`; waits for its turn and says so. */
export async function withCacheLock<T>(
  cache: string,
  reporter: SetupReporter,
  work: () => Promise<T>,
  options: { signal?: AbortSignal | undefined; times?: LockTimes } = {},
): Promise<T> {
  await fs.mkdir(cache, { recursive: true });
  const release = await acquire(cache, reporter, options.times ?? usualTimes, options.signal);
  try {
    return await work();
  } finally {
    // A lock that was taken over meanwhile (this machine slept) is not ours to release.
    await release().catch(() => undefined);
  }
}

async function acquire(
  cache: string,
  reporter: SetupReporter,
  times: LockTimes,
  signal: AbortSignal | undefined,
): Promise<() => Promise<void>> {
  const deadline = Date.now() + times.patience;
  for (let waits = 0; ; waits++) {
    signal?.throwIfAborted();
    try {
      return await lock(cache, {
        lockfilePath: path.join(cache, 'build.lock'),
        stale: times.stale,
        // Each build works in a folder of its own and renames it at the end: a lost lock costs time, not the result.
        onCompromised: () => undefined,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    }
    if (Date.now() > deadline) {
      throw new SetupProblem('unexpected', `Another process has held ${cache} for too long: end it and start again.`);
    }
    if (waits === 0) reporter.note('another process is building the engine; waiting for it.');
    await delay(times.poll, undefined, signal ? { signal } : {});
  }
}
