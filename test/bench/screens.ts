import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperatorClient, type StudyView } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import { METRICS, type LightSite } from '@consilium/server/dist/simulation/light-site.js';
import { Command } from 'commander';
import type { Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';
import { lengthenStudy } from './long-study.js';
import { thisMachine, type BenchReport } from './report.js';

/** How soon screens are there, in Chromium on a real server: a long study of many sites, and what happens while they all report. */
export async function run(args: string[]): Promise<BenchReport> {
  const { sites, rounds, events } = new Command('screens')
    .option('--sites <n>', 'of the study', Number, 70)
    .option('--rounds <n>', 'of the long study', Number, 200)
    .option('--events <n>', 'reports that are timed', Number, 100)
    .parse(args, { from: 'user' })
    .opts<{ sites: number; rounds: number; events: number }>();
  const home = mkdtempSync(join(tmpdir(), 'consilium-screens-'));
  let server = await ServerProcess.start(home);
  const browser = await launchChromium();
  try {
    const place = { url: server.url, clock: { now: () => new Date() } };
    const operator = await OperatorClient.logIn(server.url, OPERATOR);
    const federation = await LightFederation.enrol(operator, place, { sites });
    const long = await firstRound(operator, federation, sites);
    await server.stop();
    await lengthenStudy(home, rounds);
    server = await ServerProcess.start(home, server.port);

    // The server's policy forbids the page to evaluate text, and that is how `shownAt` looks at it.
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, bypassCSP: true });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await logIn(page, server.url);
    const opened = await timesOf(7, () => openStudy(page, server.url, long, rounds));
    const seen = await eventsToScreen(page, server.url, federation.sites, events);
    return {
      machine: thisMachine(),
      rows: [
        { what: `study of ${sites} sites and ${rounds} rounds: address to charts and tables`, ...summary(opened) },
        { what: `progress of a site to the round's page, ${sites} sites reporting`, ...summary(seen) },
      ],
      ratios: { study_open_s: quantile(opened, 0.5) / 1000, event_to_screen_p95_s: quantile(seen, 0.95) / 1000 },
    };
  } finally {
    await browser.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function firstRound(operator: OperatorClient, federation: LightFederation, sites: number): Promise<StudyView> {
  const study = await operator.createStudy(lightStudy('long', { count: 1, minimumSites: sites, quorum: sites }));
  federation.start();
  await operator.setStudy(study.id, 'start');
  const ended = await studyEnd(operator, study.id, 300);
  await federation.stop();
  return ended;
}

async function logIn(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Operator name').fill(OPERATOR.name);
  await page.getByLabel('Password', { exact: true }).fill(OPERATOR.password);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** Milliseconds until all of a study's page is there, from its address in a tab that has the code already. */
async function openStudy(page: Page, url: string, { id }: StudyView, rounds: number): Promise<number> {
  await page.goto('about:blank');
  const started = now();
  await page.goto(`${url}/studies/${id}`, { waitUntil: 'commit' });
  const there = await shownAt(page, [
    { selector: `[role=grid][aria-label="Timeline of round ${rounds}"]`, count: 1 },
    { selector: 'a[href^="/rounds/"]', text: `Round ${rounds}`, count: 1 },
    { selector: '.uplot canvas', count: 3 },
  ]);
  return there - started;
}

interface Shown {
  selector: string;
  text?: string;
  count: number;
}

/** When a page first showed all of these, by its own clock: a locator of Playwright looks only every half second after a while. */
async function shownAt(page: Page, all: Shown[]): Promise<number> {
  const look = `${JSON.stringify(all)}.every(({ selector, text = '', count }) =>
    [...document.querySelectorAll(selector)].filter((one) => one.textContent.includes(text)).length >= count
  ) && performance.timeOrigin + performance.now()`;
  const handle = await page.waitForFunction(look, undefined, { polling: 'raf' });
  return (await handle.jsonValue()) as number;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds from a site's report being sent to its figure on the round's page, each of another site, while all report each second. */
async function eventsToScreen(page: Page, url: string, sites: readonly LightSite[], events: number): Promise<number[]> {
  const operator = await OperatorClient.logIn(url, OPERATOR);
  const settings = { count: 1, minimumSites: sites.length, quorum: sites.length, localSteps: 100_000 };
  const study = await operator.createStudy(lightStudy('watched', settings));
  await operator.setStudy(study.id, 'start');
  for (const site of sites) {
    await site.connect();
    await site.assignment();
  }
  const roundId = await openedRound(sites[0]);
  await page.goto(`${url}/rounds/${roundId}`);
  const report = (site: LightSite, done: number): Promise<unknown> =>
    site.report({ roundId, phase: 'training', done, total: 100_000, metrics: METRICS });
  let step = 0;
  const others = setInterval(() => {
    step++;
    for (const site of sites.slice(1)) void report(site, step).catch(() => undefined);
  }, 1_000);
  try {
    return await timesOf(events, async (turn) => {
      // At no set distance from the others' reports.
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 500));
      const done = 50_000 + turn;
      const started = now();
      await report(sites[0], done);
      return (await shownAt(page, [{ selector: 'td', text: `${done} / 100000`, count: 1 }])) - started;
    });
  } finally {
    clearInterval(others);
    for (const site of sites) site.disconnect();
    await operator.setStudy(study.id, 'stop');
  }
}

async function openedRound(site: LightSite): Promise<string> {
  for (let look = 0; look < 300; look++) {
    const task = await site.task();
    if (task !== null) return task.round.id;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('expected a round to open once all sites are connected, got none within 30 s');
}

async function timesOf(times: number, one: (turn: number) => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (let turn = 0; turn < times; turn++) all.push(await one(turn));
  return all.sort((a, b) => a - b);
}

function summary(sorted: readonly number[]): Record<string, number> {
  return {
    times: sorted.length,
    median_ms: quantile(sorted, 0.5),
    p95_ms: quantile(sorted, 0.95),
    worst_ms: sorted.at(-1)!,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
