import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityViolations, launchChromium } from '../support/chromium.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

const ARTEFACTS = fileURLToPath(new URL('../artefacts/', import.meta.url));
/** ms from a site's report to its sight on the screen: half of what polling would need, on a machine that is busy. */
const EVENT_TO_SCREEN = 5000;

function metrics(loss: number): TrainingMetrics {
  return { loss, supervised: loss * 0.7, unsupervised: loss * 0.2, cps: loss * 2, secondsPerStep: 0.25 };
}

/** ms; alone on two cores the whole story takes less than half of it. */
const PATIENCE = 120_000;

/** One browser page on one server process; the tests tell one story in order, as an operator lives it. */
describe('the dashboard on the real server', { timeout: PATIENCE }, () => {
  const home = mkdtempSync(join(tmpdir(), 'consilium-browser-'));
  let server: ServerProcess;
  let operator: OperatorClient;
  let browser: Browser | undefined;
  let context: BrowserContext;
  let page: Page;
  const sites: LightSite[] = [];
  const complaints: string[] = [];
  /** Chromium itself reports what a stopped server does not answer; that is what some tests are about. */
  const ofNetwork = /^(Failed to load resource|WebSocket connection to)/;

  beforeAll(async () => {
    mkdirSync(ARTEFACTS, { recursive: true });
    [server, browser] = await Promise.all([ServerProcess.start(home), launchChromium()]);
    operator = await OperatorClient.logIn(server.url, OPERATOR);
    context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: 'light' });
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !ofNetwork.test(message.text())) complaints.push(message.text());
    });
  }, PATIENCE);

  afterAll(async () => {
    for (const site of sites) site.disconnect();
    await browser?.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  /** Screenshot and accessibility of the page as it stands, in both appearances. */
  async function look(name: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: join(ARTEFACTS, `${name}-${colorScheme}.png`), fullPage: true });
      expect(await accessibilityViolations(page), `${name}, ${colorScheme}`).toEqual([]);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }

  const row = (table: string, text: string): Locator =>
    page.getByRole('region', { name: table }).getByRole('row').filter({ hasText: text });
  const heading = (name: string): Locator => page.getByRole('heading', { level: 1, name });
  const pill = (): Locator => page.getByRole('banner').getByRole('status');

  it('asks to log in, says why it refuses, and explains an empty server', async () => {
    await page.goto(`${server.url}/sites`);
    await heading('Log in to Consilium').waitFor();
    await look('log-in');
    await page.getByLabel('Operator name').fill(OPERATOR.name);
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    await page.keyboard.press('Enter');
    expect((await page.getByRole('alert').innerText()).length).toBeGreaterThan(10);
    await page.getByLabel('Password', { exact: true }).fill(OPERATOR.password);
    await page.keyboard.press('Enter');
    // Back to where the operator wanted to go.
    await heading('Sites').waitFor();
    await page.getByText('No site is enrolled yet').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('No study yet').waitFor();
    await pill().getByText('live').waitFor();
    await look('overview-empty');
    await page.reload();
    await heading('Overview').waitFor();
    await page.getByRole('link', { name: 'Enrol the sites' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    // Past the navigation, on the first link of the page itself.
    expect(await page.locator(':focus').innerText()).toBe('Enrol the sites');
  });

  it('hands out a code, and shows the site as it enrols and connects', async () => {
    await page.getByRole('link', { name: 'Enrol the sites' }).click();
    await page.getByLabel('Site name').fill('Saint Anna');
    await page.getByRole('button', { name: 'Create a code' }).click();
    await page.getByText('A site name is 1 to 40 of a-z').waitFor();
    await page.getByLabel('Site name').fill('saint-anna');
    await page.getByRole('button', { name: 'Create a code' }).click();
    const command = await page.locator('.command code').innerText();
    const code = command.split(' ').at(-1) ?? '';
    expect(command).toBe(`consilium-node enrol ${server.url} ${code}`);
    const anna = await enrolled(code, { labelled: 7, unlabelled: 3, validation: 2 });
    sites.push(anna);
    await row('Sites, table', 'saint-anna').getByText('not connected').waitFor();
    await anna.connect();
    await row('Sites, table', 'saint-anna').getByText('connected', { exact: true }).waitFor();
    await look('sites');
  });

  it('creates a study and starts it', async () => {
    for (const [name, labelled] of [
      ['villa-rosa', 4],
      ['zollern', 0],
    ] as const) {
      const { code } = await operator.enrolmentCode(name);
      const site = await enrolled(code, { labelled, unlabelled: 12, validation: 4 });
      await site.connect();
      sites.push(site);
    }
    await page.getByRole('link', { name: 'Studies' }).click();
    await page.getByRole('button', { name: 'New study' }).first().click();
    await page.getByRole('button', { name: 'Create the study' }).click();
    expect(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid')).toBe('true');
    const fields = {
      Name: 'Left atrium',
      Classes: 'background, atrium',
      Width: '2',
      Patch: '16 16 16',
      Rounds: '2',
      'Local steps': '100',
      Deadline: '0.5',
    };
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
    await look('new-study');
    await page.getByRole('button', { name: 'Create the study' }).click();
    await heading('Left atrium').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await page.getByRole('link', { name: 'Round 1' }).first().waitFor();
    await look('study');
  });

  it('shows progress as it happens, without a reload', async () => {
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('0 of 2 updates').waitFor();
    await page.getByText('Nothing needs you').waitFor();
    await page.evaluate('window.sameDocument = true');
    const [anna] = sites;
    const { round } = await taskOf(anna, 1);
    await anna.report({ roundId: round.id, phase: 'training', done: 0, total: 100, metrics: null });
    await page.getByRole('progressbar', { name: 'saint-anna: training' }).waitFor();
    const reported = Date.now();
    await anna.report({ roundId: round.id, phase: 'training', done: 37, total: 100, metrics: metrics(0.8123) });
    await page.getByText('37 / 100').waitFor();
    expect(Date.now() - reported).toBeLessThan(EVENT_TO_SCREEN);
    await page.getByText('loss 0.812').waitFor();
    await look('overview-running');
  });

  it('says that an update was refused, and why', async () => {
    const villa = sites[1];
    const answer = await submit(villa, await taskOf(villa, 1), metrics(0.7), (tensors) =>
      tensors.set('mu', float32Tensor([1], Float32Array.of(NaN))),
    );
    expect(answer).toMatchObject({ accepted: false, refusal: { reason: 'not-finite' } });
    await page.getByText('Needs attention (1)').waitFor();
    await page.getByText('Round 1 refused an update').waitFor();
    await look('overview-refused');
  });

  it('runs two rounds to the end, and shows Dice, bytes and digests of both', async () => {
    const [anna, , zollern] = sites;
    await playRound(1, [anna, zollern], 0.6, [0.41, 0.47, 0.52]);
    await row('Rounds, table', 'Round 1').getByText('committed').waitFor();
    await row('Rounds, table', 'Round 1').getByText('0.478').waitFor();
    await playRound(2, sites, 0.4, [0.71, 0.68, 0.75]);
    const second = row('Rounds, table', 'Round 2');
    await second.getByText('committed').waitFor();
    await second.getByText('0.714').waitFor();
    const { result } = await roundOnServer(2);
    expect(await second.locator('code').getAttribute('title')).toBe(result?.digest);
    await page.getByText('Mean Dice rose from 0.478 in round 1 to 0.714 in round 2').waitFor();
    await page.getByText('finished').first().waitFor();
    expect(await page.evaluate('window.sameDocument')).toBe(true);
    await page.locator('.uplot canvas').waitFor();
    await look('overview');
    await page.getByText('Table', { exact: true }).click();
    await row('Dice by round, table', '2').getByText('0.710').waitFor();
    await look('overview-table');
  });

  it('shows who contributed to a round, by a link that can be shared', async () => {
    await page.getByRole('link', { name: 'Round 2' }).first().click();
    await heading('Round 2').waitFor();
    expect(new URL(page.url()).pathname).toBe(`/rounds/${(await roundOnServer(2)).id}`);
    await row('Contributions, table', 'zollern').getByText('accepted').waitFor();
    await row('Evaluations, table', 'villa-rosa').getByText('0.680').waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'Round 1' }).first().click();
    await row('Contributions, table', 'villa-rosa').getByText('refused').waitFor();
    await page.getByText('Refused because').waitFor();
    await look('round');
  });

  it('says how old it is while the server is away, and catches up afterwards', async () => {
    const { port } = server;
    expect(await server.stop()).toBe(0);
    await pill().getByText('reconnecting').waitFor();
    await page.getByText(/, \d s old/).waitFor();
    // What was there stays there.
    await row('Contributions, table', 'zollern').waitFor();
    await page.getByText('No live connection to the server since').waitFor();
    await look('server-away');
    server = await ServerProcess.start(home, port);
    await pill().getByText('live').waitFor();
    await page.getByText('No live connection').waitFor({ state: 'detached' });
  });

  it('lets one panel fail alone, with a retry', async () => {
    await page.route('**/api/v1/sites', (route) =>
      route.fulfill({ status: 500, json: { statusCode: 500, code: 'internal', message: 'The disk is full.' } }),
    );
    await page.goto(`${server.url}/`);
    await page.getByText('The sites could not be loaded').waitFor();
    await row('Rounds, table', 'Round 1').waitFor();
    await look('panel-failed');
    await page.unroute('**/api/v1/sites');
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('The sites could not be loaded').waitFor({ state: 'detached' });
  });

  it('sends an expired session to the log-in, with a sentence, and back', async () => {
    await page.evaluate(
      `sessionStorage.setItem('consilium.session', JSON.stringify({ ...JSON.parse(sessionStorage.getItem('consilium.session')), token: 'stale' }))`,
    );
    await page.goto(`${server.url}/studies`);
    await page.getByText('Your session has expired').waitFor();
    await page.getByLabel('Operator name').fill(OPERATOR.name);
    await page.getByLabel('Password', { exact: true }).fill(OPERATOR.password);
    await page.keyboard.press('Enter');
    await row('Studies, table', 'Left atrium').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await heading('Log in to Consilium').waitFor();
  });

  it('broke no rule of the content security policy and threw nothing', () => {
    expect(complaints).toEqual([]);
  });

  /** These sites submit; once the round is committed all sites evaluate its model. */
  async function playRound(number: number, trainers: LightSite[], loss: number, dice: number[]): Promise<void> {
    const tasks: Task[] = await Promise.all(trainers.map((site) => taskOf(site, number)));
    for (const [index, site] of trainers.entries()) {
      const answer = await submit(site, tasks[index], metrics(loss + index / 10));
      expect(answer).toMatchObject({ accepted: true });
    }
    await expect.poll(async () => (await roundOnServer(number)).state, { timeout: 30_000 }).toBe('committed');
    const { studyId, result } = await roundOnServer(number);
    for (const [index, site] of sites.entries()) {
      const figures = {
        studyId,
        model: result?.digest ?? '',
        volumes: site.data.validation,
        dice: dice[index],
        hd95: 4.5,
      };
      expect((await site.post('/site/evaluations', figures)).status).toBe(204);
    }
  }

  const enrolled = (code: string, data: DataCard): Promise<LightSite> =>
    LightSite.join({ url: server.url, clock: { now: () => new Date() } }, code, data);

  async function taskOf(site: LightSite, number: number): Promise<Task> {
    await expect.poll(() => site.task(number), { timeout: 30_000 }).not.toBeNull();
    return (await site.task(number))!;
  }

  /** Another initial model stands for a trained one. */
  async function submit(
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

  async function roundOnServer(number: number): Promise<RoundView> {
    const [study] = await operator.studies();
    const rounds = await operator.rounds(study.id);
    const round = rounds.find((each) => each.number === number);
    if (round === undefined) throw new Error(`expected round ${number} on the server, got ${rounds.length} rounds`);
    return round;
  }
});
