import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCacheLock } from './cache-lock.js';
import { recordingReporter, temporaryFolder } from './setup.fixture.js';

const times = { stale: 5000, poll: 10, patience: 10_000 };

describe('withCacheLock', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await temporaryFolder();
  });
  afterEach(() => fs.rm(cache, { recursive: true }));

  it('lets one work at a time, and the other says that it waits', async () => {
    const order: string[] = [];
    const [first, second] = [recordingReporter(), recordingReporter()];
    const holding = withCacheLock(cache, first, async () => {
      order.push('first begins');
      await delay(80);
      order.push('first ends');
    });
    await delay(20);
    await withCacheLock(cache, second, () => Promise.resolve(order.push('second')), { times });
    await holding;
    expect(order).toEqual(['first begins', 'first ends', 'second']);
    expect(first.notes).toEqual([]);
    expect(second.notes).toEqual([expect.stringMatching(/waiting/)]);
  });

  it('takes over the lock of a process that was killed', async () => {
    const left = path.join(cache, 'build.lock');
    await fs.mkdir(left);
    const longAgo = new Date(Date.now() - 60_000);
    await fs.utimes(left, longAgo, longAgo);
    expect(await withCacheLock(cache, recordingReporter(), () => Promise.resolve('mine'), { times })).toBe('mine');
  });

  it('releases the lock when the work fails', async () => {
    const failing = withCacheLock(cache, recordingReporter(), () => Promise.reject(new Error('broken')), { times });
    await expect(failing).rejects.toThrow('broken');
    expect(await fs.readdir(cache)).toEqual([]);
  });

  it('stops waiting when it is interrupted, and after its patience', async () => {
    await fs.mkdir(path.join(cache, 'build.lock'));
    const work = (): Promise<void> => Promise.resolve();
    const signal = AbortSignal.timeout(30);
    await expect(withCacheLock(cache, recordingReporter(), work, { times, signal })).rejects.toThrow();
    const short = { ...times, patience: 30 };
    await expect(withCacheLock(cache, recordingReporter(), work, { times: short })).rejects.toThrow(/too long/);
  });
});
