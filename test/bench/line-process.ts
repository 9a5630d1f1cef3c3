import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A process that answers each line with one line of JSON; its peak memory is its own. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  #lastWords = '';

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv,
  ) {
    this.#child = spawn(command, args, { env: environment, stdio: 'pipe' });
    this.#child.once('error', (error) => (this.#lastWords += error.message));
    this.#child.stdin!.on('error', () => undefined);
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-2000);
    });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async ask<T>(line: string): Promise<T> {
    this.#child.stdin!.write(`${line}\n`);
    const answer = await this.#answers.next();
    if (answer.done !== true) return JSON.parse(answer.value) as T;
    throw new Error(`bench: ${this.name} ended without an answer: ${this.#lastWords.trim()}`);
  }

  async end(): Promise<void> {
    const child = this.#child;
    this.#lines.close();
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((done) => child.once('exit', () => done()));
    child.stdin!.end();
    await gone;
  }
}

/** What is done to PyTorch's malloc in its tuned form: as for ours, blocks are not given back to the kernel. */
export const TUNED_MALLOC = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '1000000000000' };

/** A process that takes turns with others: its first answer says that it is warm, each further one is a measurement. */
export interface Measured<Measure> {
  /** False where this machine cannot run it; standard error then says why. */
  begin(): Promise<boolean>;
  measure(line?: string): Promise<Measure>;
  end(): Promise<void>;
}

export function measured<Measure>(child: LineProcess, request: object, isRequired: boolean): Measured<Measure> {
  return {
    begin: () =>
      child.ask(JSON.stringify(request)).then(
        () => true,
        (error: unknown) => {
          if (isRequired) throw error;
          process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
          return false;
        },
      ),
    measure: (line = '') => child.ask<Measure>(line),
    end: () => child.end(),
  };
}
