import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Operator } from '@consilium/shared';
import { z } from 'zod';

const DemoState = z.object({
  operator: z.object({ name: z.string(), password: z.string() }),
  enrolled: z.array(z.string()),
  port: z.number().nullable(),
});
type DemoState = z.infer<typeof DemoState>;

/** What the demo remembers between two starts; the federation itself lives in the server's and the nodes' own homes. */
export class DemoHome {
  readonly #file: string;
  readonly #state: DemoState;

  constructor(readonly directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#file = join(directory, 'demo.json');
    this.#state = existsSync(this.#file)
      ? DemoState.parse(JSON.parse(readFileSync(this.#file, 'utf8')))
      : { operator: { name: 'operator', password: randomBytes(9).toString('base64url') }, enrolled: [], port: null };
    this.#write();
  }

  get operator(): Operator {
    return this.#state.operator;
  }

  get logs(): string {
    return join(this.directory, 'logs');
  }

  get phantoms(): string {
    return join(this.directory, 'phantoms');
  }

  get serverHome(): string {
    return join(this.directory, 'server');
  }

  nodeHome(site: string): string {
    return join(this.directory, 'nodes', site);
  }

  /** The port of the last start: sites know the server by it. */
  get port(): number | null {
    return this.#state.port;
  }

  rememberPort(port: number): void {
    this.#state.port = port;
    this.#write();
  }

  isEnrolled(site: string): boolean {
    return this.#state.enrolled.includes(site);
  }

  rememberEnrolment(site: string): void {
    this.#state.enrolled.push(site);
    this.#write();
  }

  #write(): void {
    writeFileSync(`${this.#file}.part`, JSON.stringify(this.#state, null, 2), { mode: 0o600 });
    renameSync(`${this.#file}.part`, this.#file);
  }
}
