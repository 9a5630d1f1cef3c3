import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NodeFailure } from '../settings/failure.js';
import type { FromTrainer, Job, JobProgress, Result, ResultOf, ToTrainer, TrainerOptions } from './messages.js';

export interface JobOptions {
  signal?: AbortSignal;
  onProgress?: (progress: JobProgress) => void;
}

/** Runs jobs one after another; the agent is tested with another one than the process below. */
export interface Trainer {
  run<J extends Job>(job: J, options?: JobOptions): Promise<ResultOf<J>>;
  close(): Promise<void>;
}

export interface TrainerProcessOptions {
  environment: NodeJS.ProcessEnv;
  trainer: TrainerOptions;
  onNote: (level: 'info' | 'warn', sentence: string) => void;
  /** Compiled entry of the child; a test gives its own. */
  entry?: string;
}

interface Running {
  id: number;
  job: Job;
  options: JobOptions;
  /** A job whose process dies is tried once more: a checkpoint lets training go on. */
  restarts: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

const CLOSE_GRACE_MS = 5_000;

/**
 * The child process that computes. Operations block the thread that calls them, so the agent stays responsive only
 * outside; and a crash of native code costs a restart, not the node. It lives on between jobs and keeps its volumes.
 */
export class TrainerProcess implements Trainer {
  #child: ChildProcess | undefined;
  #running: Running | undefined;
  #nextId = 1;
  #lastWords = '';

  constructor(private readonly options: TrainerProcessOptions) {}

  run<J extends Job>(job: J, options: JobOptions = {}): Promise<ResultOf<J>> {
    if (this.#running !== undefined) throw new Error(`trainer: a ${this.#running.job.kind} job is still running`);
    return new Promise<Result>((resolve, reject) => {
      options.signal?.throwIfAborted();
      this.#running = { id: this.#nextId++, job, options, restarts: 0, resolve, reject };
      options.signal?.addEventListener('abort', this.#onAbort, { once: true });
      this.#start();
    }).finally(() => {
      options.signal?.removeEventListener('abort', this.#onAbort);
    }) as Promise<ResultOf<J>>;
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_GRACE_MS);
    await gone;
    clearTimeout(timer);
  }

  readonly #onAbort = (): void => {
    if (this.#running !== undefined) this.#send({ type: 'abort', id: this.#running.id });
  };

  #start(): void {
    const running = this.#running!;
    this.#child ??= this.#fork();
    this.#send({ type: 'job', id: running.id, job: running.job });
  }

  #send(message: ToTrainer): void {
    // A child that has just died reports itself by its exit.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  #fork(): ChildProcess {
    const entry = this.options.entry ?? fileURLToPath(new URL('./main.js', import.meta.url));
    const child = fork(entry, [JSON.stringify(this.options.trainer)], {
      env: this.options.environment,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-2000);
    });
    child.on('message', (message: FromTrainer) => {
      this.#receive(message);
    });
    child.once('error', () => undefined);
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#lost(signal ?? `exit code ${code ?? 'none'}`);
    });
    return child;
  }

  #receive(message: FromTrainer): void {
    if (message.type === 'note') this.options.onNote(message.level, message.sentence);
    const running = this.#running;
    if (running === undefined || !('id' in message) || message.id !== running.id) return;
    if (message.type === 'progress') {
      running.options.onProgress?.(message.progress);
      return;
    }
    this.#running = undefined;
    if (message.type === 'done') running.resolve(message.result);
    else if (message.type === 'aborted') running.reject(running.options.signal?.reason ?? abortError());
    else running.reject(new NodeFailure(message.kind, message.sentence));
  }

  #lost(how: string): void {
    const running = this.#running;
    if (running === undefined) return;
    const cause = lastError(this.#lastWords);
    this.#lastWords = '';
    if (running.options.signal?.aborted === true) {
      this.#running = undefined;
      running.reject(running.options.signal.reason);
    } else if (running.restarts === 0) {
      running.restarts++;
      this.options.onNote(
        'warn',
        `the trainer process ended (${how}); it is started again${cause === '' ? '' : `: ${cause}`}`,
      );
      this.#start();
    } else {
      this.#running = undefined;
      running.reject(
        new NodeFailure('internal', `the trainer process ended twice during ${running.job.kind} (${how}): ${cause}`),
      );
    }
  }
}

/** Of what a dying process wrote: Node ends with its own version, after the line that matters. */
function lastError(words: string): string {
  const lines = words.trim().split('\n');
  return (lines.findLast((line) => /error|fatal|abort/i.test(line)) ?? lines.at(-1) ?? '').trim();
}

function abortError(): Error {
  return new DOMException('the job was given up', 'AbortError');
}
