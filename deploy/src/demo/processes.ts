import { fork, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const require = createRequire(import.meta.url);
const SERVER = join(dirname(require.resolve('@consilium/server/package.json')), 'dist/main.js');
const NODE = join(dirname(require.resolve('@consilium/client-node/package.json')), 'dist/cli/main.js');

const STOP_GRACE_MS = 10_000;

const Ready = z.object({ type: z.literal('ready'), url: z.url() });

export class ChildFailed extends Error {}

/** The server's and the nodes' processes; each writes its log to a file of its own. */
export class Processes {
  readonly #running = new Map<string, ChildProcess>();
  #stopping = false;

  constructor(
    private readonly logs: string,
    /** Told when a process ends that nobody asked to end. */
    private readonly onLoss: (sentence: string) => void,
  ) {
    mkdirSync(logs, { recursive: true });
  }

  /** Starts the server and resolves with its URL once it listens. */
  async startServer(args: string[], environment: Record<string, string>): Promise<string> {
    const child = this.#spawn('server', SERVER, args, environment);
    return new Promise((resolve, reject) => {
      child.on('message', (message) => {
        const ready = Ready.safeParse(message);
        if (ready.success) resolve(ready.data.url);
      });
      child.once('exit', (code) =>
        reject(
          new ChildFailed(
            `The server ended with exit code ${code ?? 'none'} before it was ready: see ${this.#log('server')}`,
          ),
        ),
      );
    });
  }

  startNode(name: string, args: string[]): void {
    this.#spawn(name, NODE, ['run', ...args], {});
  }

  /** Runs one command of the node's command line to its end. */
  async node(name: string, args: string[]): Promise<void> {
    const child = this.#spawn(name, NODE, args, {}, false);
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (code !== 0)
      throw new ChildFailed(
        `${name}: consilium-node ${args[0]} ended with exit code ${code ?? 'none'}: see ${this.#log(name)}`,
      );
  }

  /** Asks all to end, nodes first, and kills after a grace period what has not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const server = this.#running.get('server');
    await Promise.all([...this.#running].filter(([name]) => name !== 'server').map(([, child]) => end(child)));
    if (server !== undefined) await end(server);
  }

  #log(name: string): string {
    return join(this.logs, `${name}.log`);
  }

  #spawn(
    name: string,
    entry: string,
    args: string[],
    environment: Record<string, string>,
    lasting = true,
  ): ChildProcess {
    const child = fork(entry, args, {
      // A group of its own: Ctrl-C reaches the launcher alone, which then ends all in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...environment },
    });
    const log = createWriteStream(this.#log(name), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#running.set(name, child);
    child.once('exit', (code, signal) => {
      this.#running.delete(name);
      log.end();
      if (lasting && !this.#stopping)
        this.onLoss(`${name} ended unexpectedly (${signal ?? `exit code ${code}`}): see ${this.#log(name)}`);
    });
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await gone;
  clearTimeout(timer);
}
