import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LoginAnswer } from '@consilium/shared';

const MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
/** Opening an embedded database for the first time takes seconds on a busy machine. */
const START_MS = 100_000;
const STOP_MS = 30_000;

export const OPERATOR = { name: 'operator', password: 'a-password-for-tests' };

/** The server as it is deployed: a process of its own with a home folder. */
export class ServerProcess {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** `port` 0 takes any free one. Throws with what the process said if it ends before it is ready. */
  static async start(home: string, port = 0): Promise<ServerProcess> {
    const child = fork(MAIN, ['serve', '--home', home, '--port', String(port), '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, CONSILIUM_OPERATOR_NAME: OPERATOR.name, CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
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

  get port(): number {
    return Number(new URL(this.url).port);
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

interface AnswerSchema<T> {
  parse(value: unknown): T;
}

/** The operator's side of the REST interface. */
export class OperatorClient {
  private constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async logIn(url: string): Promise<OperatorClient> {
    const anonymous = new OperatorClient(url, '');
    const { token } = await anonymous.post('/login', LoginAnswer, OPERATOR);
    return new OperatorClient(url, token);
  }

  get<T>(path: string, schema: AnswerSchema<T>): Promise<T> {
    return this.#ask(path, schema, {});
  }

  post<T>(path: string, schema: AnswerSchema<T>, body?: unknown): Promise<T> {
    return this.#ask(path, schema, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) });
  }

  async #ask<T>(path: string, schema: AnswerSchema<T>, init: RequestInit): Promise<T> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.url}/api/v1${path}`, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: status ${response.status}: ${text}`);
    return schema.parse(JSON.parse(text));
  }
}
