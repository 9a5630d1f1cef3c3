import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoundView, SiteView, StudyDraft, StudyView } from '@consilium/shared';
import request from 'supertest';
import { startServer, type RunningServer } from '../server.js';
import { Settings } from '../settings/settings.js';

export const OPERATOR = { name: 'operator', password: 'a password for tests' };

/** A clock that stands `offset` milliseconds beside the real one. */
export class ShiftedClock {
  offset = 0;
  now(): Date {
    return new Date(Date.now() + this.offset);
  }
  advance(seconds: number): void {
    this.offset += seconds * 1000;
  }
}

interface Consenting {
  readonly id: string;
  consent(studyDigest: string): Promise<void>;
}

/** A real server in this process, on a free port, with a home folder of its own. */
export class TestServer {
  readonly clock = new ShiftedClock();
  token = '';
  /** They consent to what is started here. */
  readonly sites: Consenting[] = [];

  private constructor(
    readonly home: string,
    readonly settings: Settings,
    private readonly databaseFolder: string | undefined,
    public running: RunningServer,
  ) {}

  /** `durable` puts the database into the home folder, so that a restart finds it again. */
  static async start(options: { durable?: boolean; settings?: Partial<Settings> } = {}): Promise<TestServer> {
    const home = mkdtempSync(join(tmpdir(), 'consilium-server-'));
    const settings = Settings.parse({
      home,
      port: 0,
      operatorPassword: OPERATOR.password,
      logLevel: 'fatal',
      attemptsPerMinute: 1000,
      tick: 100,
      dashboard: join(home, 'no-dashboard'),
      ...options.settings,
    });
    const server = new TestServer(home, settings, options.durable ? undefined : 'memory://', undefined as never);
    await server.#start();
    const login = await request(server.url).post('/api/v1/login').send(OPERATOR).expect(200);
    server.token = (login.body as { token: string }).token;
    return server;
  }

  get url(): string {
    return this.running.url;
  }

  async restart(): Promise<void> {
    await this.running.close();
    await this.#start();
  }

  async close(): Promise<void> {
    await this.running.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  get(path: string): request.Test {
    return request(this.url).get(`/api/v1${path}`).auth(this.token, { type: 'bearer' });
  }

  post(path: string, body: object = {}): request.Test {
    return request(this.url).post(`/api/v1${path}`).auth(this.token, { type: 'bearer' }).send(body);
  }

  async startStudy(manifest: StudyDraft): Promise<StudyView> {
    const created = await this.post('/studies', manifest).expect(201);
    const { id, digest } = created.body as StudyView;
    const { body: known } = (await this.get('/sites').expect(200)) as { body: SiteView[] };
    const enrolled = new Set(known.filter(({ state }) => state === 'enrolled').map((site) => site.id));
    for (const site of this.sites) if (enrolled.has(site.id)) await site.consent(digest);
    const started = await this.post(`/studies/${id}/start`).expect(200);
    return started.body as StudyView;
  }

  async rounds(studyId: string): Promise<RoundView[]> {
    return (await this.get(`/studies/${studyId}/rounds`).expect(200)).body as RoundView[];
  }

  async #start(): Promise<void> {
    const overrides = { clock: this.clock, ...(this.databaseFolder && { databaseFolder: this.databaseFolder }) };
    this.running = await startServer(this.settings, overrides);
  }
}

/** The smallest network there is. */
export function tinyStudy(name: string, rounds: StudyDraft['rounds'] = {}): StudyDraft {
  return { name, model: { width: 2, prototypes: 2, patch: [16, 16, 16] }, rounds: { localSteps: 5, ...rounds } };
}

/** Looks every 20 ms until `look` returns something; fails after 40 s with what it was waiting for. */
export async function eventually<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const until = Date.now() + 40_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > until) throw new Error(`expected ${what} within 40 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
