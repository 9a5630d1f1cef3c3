import { spawn } from 'node:child_process';

export interface CommandOutcome {
  /** null when the program could not be started or was killed. */
  status: number | null;
  signal: NodeJS.Signals | null;
  missing: boolean;
  timedOut: boolean;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds after which the program is killed: no step of the set-up may wait without an end. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/** Kept from each stream: the end, where tools put the cause. */
const keptCharacters = 20_000;

/** Runs a program to its end; a program that is missing, fails or hangs is an outcome, not an exception. */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    const outcome: CommandOutcome = {
      status: null,
      signal: null,
      missing: false,
      timedOut: false,
      stdout: '',
      stderr: '',
    };
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: options.signal,
    });
    const timer = setTimeout(() => {
      outcome.timedOut = true;
      child.kill('SIGKILL');
    }, options.timeout);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      outcome.stdout = (outcome.stdout + text).slice(-keptCharacters);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      outcome.stderr = (outcome.stderr + text).slice(-keptCharacters);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      outcome.missing = error.code === 'ENOENT';
      outcome.stderr += error.message;
      resolve(outcome);
    });
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      outcome.status = status;
      outcome.signal = signal;
      resolve(outcome);
    });
  });
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
