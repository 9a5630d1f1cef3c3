import { describeFailure } from './failure-report.js';
import type { FromTrainer, Job, JobProgress, Result, ToTrainer } from './messages.js';

export interface JobContext {
  signal: AbortSignal;
  onProgress: (progress: JobProgress) => void;
}

export type JobRunner = (job: Job, context: JobContext) => Promise<Result>;

/** Answers the agent's messages: one job at a time, each ended by exactly one of done, failed and aborted. */
export class JobLoop {
  #current: { id: number; abort: AbortController } | undefined;

  constructor(
    private readonly run: JobRunner,
    private readonly send: (message: FromTrainer) => void,
  ) {}

  receive(message: ToTrainer): void {
    if (message.type === 'abort') {
      if (this.#current?.id === message.id) this.#current.abort.abort();
      return;
    }
    void this.#work(message.id, message.job);
  }

  async #work(id: number, job: Job): Promise<void> {
    const abort = new AbortController();
    this.#current = { id, abort };
    try {
      const onProgress = (progress: JobProgress): void => this.send({ type: 'progress', id, progress });
      this.send({ type: 'done', id, result: await this.run(job, { signal: abort.signal, onProgress }) });
    } catch (error) {
      if (abort.signal.aborted) this.send({ type: 'aborted', id });
      else this.send({ type: 'failed', id, ...describeFailure(error) });
    } finally {
      this.#current = undefined;
    }
  }
}
