import { Worker } from 'node:worker_threads';
import type { PreparedBatch } from '../crln/patches.js';
import { errorText, NodeFailure } from '../settings/failure.js';
import type { LeftOut } from '../volumes/index.js';
import type { Feed } from './batch-maker.js';
import type { FromDataWorker, ToDataWorker } from './data-messages.js';

// Run from its sources (vitest), the trainer takes the worker that `tsc -b` has built: a thread loads no TypeScript.
const folder = import.meta.url.endsWith('.ts') ? '../../dist/trainer/' : './';
const WORKER = new URL(`${folder}data-worker.js`, import.meta.url);

interface Waiting {
  resolve: (batch: PreparedBatch) => void;
  reject: (error: NodeFailure) => void;
}

/** One thread that makes batches. It starts with the first, and lives on between rounds with its volumes. */
export class DataThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #id = 0;
  #feed: Feed | undefined;
  #onLeftOut: (volume: LeftOut) => void = () => undefined;

  constructor(private readonly memoryBytes: number) {}

  /** What was asked for of an earlier feed is never answered. */
  open(feed: Feed, onLeftOut: (volume: LeftOut) => void): void {
    this.#waiting.clear();
    this.#worker?.unref();
    this.#id++;
    this.#feed = feed;
    this.#onLeftOut = onLeftOut;
    if (this.#worker !== undefined) this.#send(this.#worker, { type: 'open', id: this.#id, feed });
  }

  make(step: number): Promise<PreparedBatch> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(step, { resolve, reject });
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      this.#send(worker, { type: 'make', id: this.#id, step });
    });
  }

  async close(): Promise<void> {
    this.#waiting.clear();
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { workerData: { memoryBytes: this.memoryBytes } });
    let cause: unknown;
    worker.on('message', (message: FromDataWorker) => this.#receive(worker, message));
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = undefined;
      const why = cause === undefined ? `code ${code}` : errorText(cause);
      const failure = new NodeFailure('internal', `training: a data thread ended before its batch (${why})`, { cause });
      for (const { reject } of this.#waiting.values()) reject(failure);
      this.#waiting.clear();
    });
    this.#send(worker, { type: 'open', id: this.#id, feed: this.#feed! });
    return worker;
  }

  #send(worker: Worker, message: ToDataWorker): void {
    worker.postMessage(message);
  }

  #receive(worker: Worker, message: FromDataWorker): void {
    if (message.id !== this.#id) return;
    if (message.type === 'left-out') {
      this.#onLeftOut(message.volume);
      return;
    }
    const waiting = this.#waiting.get(message.step);
    this.#waiting.delete(message.step);
    // An idle thread does not keep the process alive.
    if (this.#waiting.size === 0) worker.unref();
    if (message.type === 'batch') waiting?.resolve(message.batch);
    else waiting?.reject(new NodeFailure(message.kind, message.sentence));
  }
}
