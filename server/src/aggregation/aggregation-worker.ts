import { parentPort } from 'node:worker_threads';
import { AggregationJobs, type Job, type JobResults } from './aggregation-jobs.js';

export interface JobMessage {
  id: number;
  job: Job;
}

export type JobAnswer =
  | { id: number; done: true; result: JobResults[keyof JobResults] }
  /** `code` is the operating system's, such as ENOSPC; an error's own properties do not pass between threads. */
  | { id: number; done: false; message: string; code: string | null };

const jobs = new AggregationJobs();

function answer({ id, job }: JobMessage): JobAnswer {
  try {
    return { id, done: true, result: jobs.run(job) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
    return { id, done: false, message: error.message, code };
  }
}

parentPort!.on('message', (message: JobMessage) => {
  parentPort!.postMessage(answer(message));
});
