import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperatorClient, type DataCard, type RoundView, type StudyDraft, type StudyView } from '@consilium/shared';
import { lightStudy } from '@consilium/server/dist/simulation/federation.js';
import { LightSite, type ServerPlace, type Task } from '@consilium/server/dist/simulation/light-site.js';
import type { TestDatabase } from './databases.js';
import { OPERATOR, ServerProcess } from './server-process.js';

type RoundDraft = StudyDraft['rounds'];

/** Milliseconds for anything that a test waits for, on a machine that is busy. */
const PATIENCE = 45_000;

/** One server process that may be killed and started again at the same address, and the sites of one test at a time. */
export class RoundsBench {
  sites: LightSite[] = [];
  #names = 0;

  private constructor(
    readonly home: string,
    private readonly database: TestDatabase,
    public server: ServerProcess,
    readonly operator: OperatorClient,
  ) {}

  static async start(database: TestDatabase): Promise<RoundsBench> {
    const home = mkdtempSync(join(tmpdir(), 'consilium-rounds-'));
    const server = await ServerProcess.start(home, 0, { databaseUrl: database.url });
    return new RoundsBench(home, database, server, await OperatorClient.logIn(server.url, OPERATOR));
  }

  /** Undefined where it is the server's own. */
  get databaseUrl(): string | undefined {
    return this.database.url;
  }

  get place(): ServerPlace {
    return { url: this.server.url, clock: { now: () => new Date() } };
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.database.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  async killServer(): Promise<void> {
    await this.server.kill();
  }

  async restartServer(): Promise<void> {
    this.server = await ServerProcess.start(this.home, this.server.port, { databaseUrl: this.database.url });
  }

  /** Leaves no study running and no site enrolled. */
  async clear(): Promise<void> {
    for (const { id, state } of await this.operator.studies())
      if (state === 'running' || state === 'paused') await this.operator.setStudy(id, 'stop');
    for (const site of this.sites) {
      site.disconnect();
      await this.operator.revoke(site.id);
    }
    this.sites = [];
  }

  async enrol(name: string, data: Partial<DataCard> = {}): Promise<LightSite> {
    const card = { labelled: 2, unlabelled: 0, validation: 0, ...data };
    const site = await this.operator.admit(name, (code) => LightSite.join(this.place, code, card));
    this.sites.push(site);
    return site;
  }

  /** Sites a, b, c … in this order, connected. */
  async members(...cards: Partial<DataCard>[]): Promise<LightSite[]> {
    const sites: LightSite[] = [];
    for (const [i, card] of cards.entries()) sites.push(await this.enrol('abcdefgh'[i], card));
    for (const site of sites) await site.connect();
    return sites;
  }

  async study(rounds: RoundDraft, width?: number): Promise<StudyView> {
    const study = await this.operator.createStudy(lightStudy(`study ${++this.#names}`, rounds, width));
    for (const site of this.sites) await site.consent(study.digest);
    return this.operator.setStudy(study.id, 'start');
  }

  async task(site: LightSite, number: number): Promise<Task> {
    return eventually(`round ${number} for ${site.name}`, () => site.task(number));
  }

  /** The newest attempt at this round, once it is so. */
  round(study: StudyView, number: number, state: RoundView['state']): Promise<RoundView> {
    return eventually(`round ${number} to be ${state}`, async () => {
      const rounds = await this.operator.rounds(study.id);
      return rounds.findLast((round) => round.number === number && round.state === state);
    });
  }
}

/** Looks every 50 ms until `look` returns something; a server that is away has not returned anything. */
export async function eventually<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const until = Date.now() + PATIENCE;
  let last: unknown;
  while (Date.now() < until) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`expected ${what} within ${PATIENCE / 1000} s`, { cause: last });
}
