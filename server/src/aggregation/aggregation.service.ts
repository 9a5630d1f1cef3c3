import { Worker } from 'node:worker_threads';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { AggregateJob, CheckJob, InitialJob, Job, JobResults } from './aggregation-jobs.js';
import type { JobAnswer, JobMessage } from './aggregation-worker.js';

// Run from its sources (vitest), the service takes the worker that `tsc -b` has built: a thread loads no TypeScript.
const folder = import.meta.url.endsWith('.ts') ? '../../dist/aggregation/' : './';
const WORKER = new URL(`${folder}aggregation-worker.js`, import.meta.url);

type Result = JobResults[keyof JobResults];

interface Waiting {
  resolve: (result: Result) => void;
  reject: (error: Error) => void;
}

/** First models, admission and aggregation, one job after the other in a thread of their own. */
@Injectable()
export class AggregationService implements OnApplicationShutdown {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #lastId = 0;

  /** Writes `job.output`, as `aggregate` does. */
  async initial(job: Omit<InitialJob, 'kind'>): Promise<JobResults['initial']> {
    return (await this.#run({ kind: 'initial', ...job })) as JobResults['initial'];
  }

  /** Null where the update is admitted. Rejects where a file cannot be read. */
  async check(job: Omit<CheckJob, 'kind'>): Promise<JobResults['check']> {
    return (await this.#run({ kind: 'check', ...job })) as JobResults['check'];
  }

  /** Writes `job.output`, complete but neither flushed nor renamed. Rejects with the operating system's `code`, if any. */
  async aggregate(job: Omit<AggregateJob, 'kind'>): Promise<JobResults['aggregate']> {
    return (await this.#run({ kind: 'aggregate', ...job })) as JobResults['aggregate'];
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#worker?.terminate();
  }

  #run(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      worker.postMessage({ id, job } satisfies JobMessage);
    });
  }

  #start(): Worker {
    const worker = new Worker(WORKER);
    let cause: unknown;
    worker.on('message', (answer: JobAnswer) => this.#settle(worker, answer));
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = null;
      const error = new Error(`aggregation: the worker thread ended with code ${code} before its job`, { cause });
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    return worker;
  }

  #settle(worker: Worker, answer: JobAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    // An idle thread does not keep the process alive.
    if (this.#waiting.size === 0) worker.unref();
    if (answer.done) waiting?.resolve(answer.result);
    else waiting?.reject(Object.assign(new Error(answer.message), answer.code === null ? {} : { code: answer.code }));
  }
}
