import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';

/** Found by its package: this file runs from the sources in tests, and built in benchmarks. */
export const SERVER_PROGRAM = createRequire(import.meta.url).resolve('@consilium/server/dist/main.js');
/** Opening an embedded database for the first time takes seconds on a busy machine. */
const START_MS = 100_000;
const STOP_MS = 30_000;

export const OPERATOR = { name: 'operator', password: 'a-password-for-tests' };

const SAID_KEPT = 20_000;

export interface ServerOptions {
  databaseUrl?: string | undefined;
  /** Hears the log at level info, or another. */
  onSaid?: (text: string) => void;
  logLevel?: 'info' | 'trace';
  environment?: NodeJS.ProcessEnv;
}

/** The server as it is deployed: a process of its own with a home folder. */
export class ServerProcess {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** `port` 0 takes any free one. Throws with what the process said if it ends before it is ready. */
  static async start(
    home: string,
    port = 0,
    { databaseUrl, onSaid, logLevel = 'info', environment }: ServerOptions = {},
  ): Promise<ServerProcess> {
    const level = onSaid === undefined ? 'warn' : logLevel;
    const args = ['serve', '--home', home, '--port', String(port), '--log-level', level];
    const child = fork(
      SERVER_PROGRAM,
      [...args, ...(databaseUrl === undefined ? [] : ['--database-url', databaseUrl])],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: [],
        env: {
          ...process.env,
          CONSILIUM_OPERATOR_NAME: OPERATOR.name,
          CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password,
          // Every test's sites enrol from one address.
          CONSILIUM_ATTEMPTS_PER_MINUTE: '10000',
          ...environment,
        },
      },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-SAID_KEPT);
        onSaid?.(chunk.toString());
      });
    const url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`server: expected it to be ready within ${START_MS} ms; it said: ${said}`));
      }, START_MS);
      child.once('message', (message: { type: string; url: string }) => {
        clearTimeout(late);
        resolve(message.url);
      });
      child.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`server: it ended with ${String(code)} before it was ready; it said: ${said}`));
      });
    });
    return new ServerProcess(url, child);
  }

  get pid(): number {
    return this.child.pid!;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Resolves once the process is gone, without a word of farewell. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Resolves with the exit code once the process is gone; one that does not go is killed, and that is an error. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`server: expected it to end within ${STOP_MS} ms of SIGTERM`));
      }, STOP_MS);
      this.child.once('exit', (code) => {
        clearTimeout(late);
        resolve(code);
      });
      this.child.kill('SIGTERM');
    });
  }
}
