import type { PreparedBatch } from '../crln/patches.js';
import { CaseMemory, type LeftOut } from '../volumes/index.js';
import { BatchMaker, type Feed } from './batch-maker.js';
import { DataThread } from './data-thread.js';
import type { BatchSource } from './train-round.js';

/** Batches that each thread has ready or under way: one to hand over, one to make meanwhile. */
const AHEAD_PER_THREAD = 2;

export interface OpenFeed {
  readonly feed: Feed;
  /** Batches beyond are not made. */
  readonly steps: number;
  /** Told once of each volume that became unusable since the site was opened. */
  readonly onLeftOut: (volume: LeftOut) => void;
}

/**
 * Makes a round's batches ahead of the steps that need them, on threads of their own, or with 0 threads on the calling one
 * when it asks: the same bytes either way. All of the node's memory for volumes is here, a share in each thread.
 */
export class DataFeed {
  readonly #threads: readonly DataThread[];
  /** Without threads. */
  readonly #memory: CaseMemory;

  constructor(threads: number, memoryBytes: number) {
    this.#threads = Array.from({ length: threads }, () => new DataThread(memoryBytes / threads));
    this.#memory = new CaseMemory(memoryBytes);
  }

  /** One feed at a time: an earlier one's batches that are not there yet will not come. */
  open({ feed, steps, onLeftOut }: OpenFeed): BatchSource<PreparedBatch> {
    const once = onceForEach(onLeftOut);
    if (this.#threads.length === 0) {
      const maker = new BatchMaker(feed, this.#memory, once);
      return { at: (step) => maker.make(step) };
    }
    for (const thread of this.#threads) thread.open(feed, once);
    return new BatchQueue(this.#threads, steps);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

/** Each thread finds out for itself. */
function onceForEach(onLeftOut: (volume: LeftOut) => void): (volume: LeftOut) => void {
  const known = new Set<string>();
  return (volume) => {
    if (known.has(volume.image)) return;
    known.add(volume.image);
    onLeftOut(volume);
  };
}

/** Steps are dealt to the threads in turn; a bounded number of them is asked for ahead. */
class BatchQueue implements BatchSource<PreparedBatch> {
  readonly #asked = new Map<number, Promise<PreparedBatch>>();

  constructor(
    private readonly threads: readonly DataThread[],
    private readonly steps: number,
  ) {}

  async at(step: number): Promise<PreparedBatch> {
    for (const asked of this.#asked.keys()) if (asked < step) this.#asked.delete(asked);
    const last = Math.min(step + AHEAD_PER_THREAD * this.threads.length, this.steps - 1);
    for (let ahead = step; ahead <= last; ahead++) if (!this.#asked.has(ahead)) this.#ask(ahead);
    const batch = await this.#asked.get(step)!;
    this.#asked.delete(step);
    return batch;
  }

  #ask(step: number): void {
    const batch = this.threads[step % this.threads.length].make(step);
    // A failure counts when its step is reached.
    batch.catch(() => undefined);
    this.#asked.set(step, batch);
  }
}
