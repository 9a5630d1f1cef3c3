import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  float32Tensor,
  initialModel,
  OperatorClient,
  type DataCard,
  type NamedTensors,
  type RoundView,
  type SubmitAnswer,
  type TrainingMetrics,
} from '@consilium/shared';
import { LightSite, type Task } from '@consilium/server/dist/simulation/light-site.js';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { launchChromium } from '../support/chromium.js';
import { lookAt } from '../support/look.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

/** Chromium itself reports what a stopped server does not answer; that is what some tests are about. */
const OF_NETWORK = /^(Failed to load resource|WebSocket connection to)/;

/** ms; alone on two cores a whole story takes less than half of it. */
export const PATIENCE = 120_000;

/** A server process, a browser page on it, and sites that speak to it: what all stories are played on. */
export class Stage {
  server!: ServerProcess;
  operator!: OperatorClient;
  page!: Page;
  readonly sites: LightSite[] = [];
  /** What the page threw, and which rules of its security policy it broke. */
  readonly complaints: string[] = [];
  readonly home = mkdtempSync(join(tmpdir(), 'consilium-browser-'));
  #browser: Browser | undefined;
  #context!: BrowserContext;

  /** `prepare` fills the home folder before the server opens it. */
  async open(prepare: (home: string) => Promise<void> = () => Promise.resolve()): Promise<void> {
    await prepare(this.home);
    [this.server, this.#browser] = await Promise.all([ServerProcess.start(this.home), launchChromium()]);
    this.operator = await OperatorClient.logIn(this.server.url, OPERATOR);
    const viewport = { width: 1360, height: 900 };
    this.#context = await this.#browser.newContext({ viewport, colorScheme: 'light' });
    this.page = await this.#context.newPage();
    this.page.setDefaultTimeout(30_000);
    this.page.on('pageerror', (error) => this.complaints.push(error.message));
    this.page.on('console', (message) => {
      if (message.type() === 'error' && !OF_NETWORK.test(message.text())) this.complaints.push(message.text());
    });
  }

  async close(): Promise<void> {
    for (const site of this.sites) site.disconnect();
    await this.#browser?.close();
    await this.server.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** The same home on the same port, as after a restart of the machine. */
  async restart(whileAway: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { port } = this.server;
    expect(await this.server.stop()).toBe(0);
    try {
      await whileAway();
    } finally {
      this.server = await ServerProcess.start(this.home, port);
    }
  }

  async logIn({ name, password } = OPERATOR): Promise<void> {
    await this.page.getByLabel('Operator name').fill(name);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.keyboard.press('Enter');
  }

  /** Screenshot and accessibility of the page as it stands, in both appearances. */
  look(name: string): Promise<void> {
    return lookAt(this.page, name);
  }

  row(table: string, text: string): Locator {
    return this.page
      .getByRole('region', { name: `${table}, table` })
      .getByRole('row')
      .filter({ hasText: text });
  }

  /** A place of the navigation. */
  place(name: string): Locator {
    return this.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name });
  }

  heading(name: string): Locator {
    return this.page.getByRole('heading', { level: 1, name });
  }

  pill(): Locator {
    return this.page.getByRole('banner').getByRole('status');
  }

  /** Presses Tab until `wanted` has the focus: whoever has no mouse has to get there too. */
  async tabTo(wanted: Locator, most = 60): Promise<void> {
    for (let press = 0; press < most; press++) {
      if (await isFocused(wanted)) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`expected ${wanted.toString()} to be reached by Tab within ${most} presses`);
  }

  join(code: string, data: DataCard): Promise<LightSite> {
    return LightSite.join({ url: this.server.url, clock: { now: () => new Date() } }, code, data);
  }

  async taskOf(site: LightSite, number: number): Promise<Task> {
    await expect.poll(() => site.task(number), { timeout: 30_000 }).not.toBeNull();
    return (await site.task(number))!;
  }

  /** Another initial model stands for a trained one. */
  async submit(
    site: LightSite,
    task: Task,
    said: TrainingMetrics,
    alter: (tensors: NamedTensors) => void = () => undefined,
  ): Promise<SubmitAnswer> {
    const trained = initialModel(task.study.manifest.model, task.round.number);
    alter(trained);
    const overwrite = (tensors: NamedTensors): void => {
      for (const [name, tensor] of trained) tensors.set(name, tensor);
    };
    return site.contributeTo(task, overwrite, { metrics: said });
  }

  /** The first attempt at a round of the first study. */
  async roundOnServer(number: number): Promise<RoundView> {
    const [study] = await this.operator.studies();
    const rounds = await this.operator.rounds(study.id);
    const round = rounds.find((each) => each.number === number);
    if (round === undefined) throw new Error(`expected round ${number} on the server, got ${rounds.length} rounds`);
    return round;
  }

  /** These sites submit; once the round is committed, and `seen` has been, all sites evaluate its model. */
  async playRound(
    number: number,
    trainers: LightSite[],
    loss: number,
    dice: number[],
    seen = async () => {},
  ): Promise<void> {
    const tasks: Task[] = await Promise.all(trainers.map((site) => this.taskOf(site, number)));
    for (const [index, site] of trainers.entries()) {
      const answer = await this.submit(site, tasks[index], metrics(loss + index / 10), supported(index));
      expect(answer).toMatchObject({ accepted: true });
    }
    await expect.poll(async () => (await this.roundOnServer(number)).state, { timeout: 30_000 }).toBe('committed');
    await seen();
    const { studyId, result } = await this.roundOnServer(number);
    for (const [index, site] of this.sites.entries()) {
      const figures = { studyId, model: result?.digest ?? '', volumes: site.data.validation };
      expect((await site.post('/site/evaluations', { ...figures, dice: dice[index], hd95: 4.5 })).status).toBe(204);
    }
  }
}

export function metrics(loss: number): TrainingMetrics {
  return { loss, supervised: loss * 0.7, unsupervised: loss * 0.2, cps: loss * 2, secondsPerStep: 0.25 };
}

export function notFinite(tensors: NamedTensors): void {
  tensors.set('mu', float32Tensor([1], Float32Array.of(NaN)));
}

/** Prototypes that have been trained: apart from each other, with voxels behind them. */
function supported(site: number): (tensors: NamedTensors) => void {
  return (tensors) => {
    const values = tensors.get('prototypes')!.data as Float32Array;
    for (let k = 0; k < values.length; k++) values[k] = Math.sin(7 * k + site) + (k < values.length / 2 ? 1 : -1);
    (tensors.get('prior.prototype_support')!.data as Float32Array).fill(500 + 100 * site);
  };
}

export async function isFocused(element: Locator): Promise<boolean> {
  return (await element.and(element.page().locator(':focus')).count()) === 1;
}
