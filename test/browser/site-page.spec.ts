import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeHome, writePhantomSite } from '@consilium/client-node';
import { EgressLog } from '@consilium/client-node/dist/egress/egress-log.js';
import { encodeContainer, initialModel, StudyManifest, digestOfJson, type NodeProgress } from '@consilium/shared';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.js';
import { lookAt } from '../support/look.js';

const NODE = createRequire(import.meta.url).resolve('@consilium/client-node/dist/cli/main.js');
const DIGEST = 'ab'.repeat(32);

describe("a site's own page", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'consilium-page-'));
  const home = nodeHome(join(folder, 'home'));
  const data = join(folder, 'data');
  const complaints: string[] = [];
  let node: ChildProcess;
  let browser: Browser;
  let page: Page;
  let address: string;

  beforeAll(async () => {
    const shape = [64, 64, 48] as const;
    await writePhantomSite(data, { site: 'ward', seed: 3, labelled: 2, unlabelled: 1, shape });
    const model = { width: 2, prototypes: 2, patch: [16, 16, 16] };
    const study = StudyManifest.parse({ name: 'Left atrium', spacing: [1, 1, 1], model });
    const log = new EgressLog(home.egressLog, () => Date.now());
    for (const bytes of [38_000_000, 39_000_000]) {
      const about = { what: 'update', way: 'PATCH /site/uploads/*', digest: DIGEST, bytes };
      await log.append({ ...about, objection: null, facts: {}, policy: { digest: DIGEST, isOwn: false } });
    }
    writeFileSync(join(folder, 'model'), encodeContainer(initialModel(study.model, 1)));
    writeFileSync(join(folder, 'study.json'), JSON.stringify(study));
    const seen = [{ digest: digestOfJson(study), manifest: study, seenAt: new Date().toISOString() }];
    writeFileSync(home.studies, JSON.stringify(seen));
    const progress: NodeProgress = {
      at: new Date().toISOString(),
      state: 'training',
      round: 3,
      done: 40,
      total: 100,
      sentence: null,
      losses: [10, 20, 30, 40].map((step) => ({ step, loss: 2 - step / 100 })),
    };
    writeFileSync(home.progress, JSON.stringify(progress));
    const paths = { home: home.root, data, model: join(folder, 'model'), study: join(folder, 'study.json') };
    const flags = Object.entries(paths).flatMap(([name, path]) => [`--${name}`, path]);
    node = spawn(process.execPath, [NODE, 'page', '--page-port', '0', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: node.stdout! })) {
      address = /http:\S+/.exec(line)![0];
      break;
    }
    browser = await launchChromium('--use-angle=swiftshader', '--enable-unsafe-swiftshader');
    page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    const gone = new Promise((resolve) => node.once('exit', resolve));
    node.kill('SIGTERM');
    expect(await gone).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets in whoever has its whole address, and nobody else', async () => {
    const { origin, port } = new URL(address);
    await page.goto(origin);
    await page.getByText('This page needs its whole address').waitFor();
    await lookAt(page, 'site-page-locked');
    expect((await fetch(`${origin}/api/v1/sent`)).status).toBe(401);
    expect((await fetch(`${origin}/api/v1/sent`, { headers: { authorization: 'Bearer x' } })).status).toBe(401);
    // As from a page whose name somebody lets point here.
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `rebound.example:${port}` };
      request({ host: '127.0.0.1', port, path: '/site.html', headers }, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
    expect((await fetch(`${origin}/..%2f..%2fpackage.json`)).status).toBe(404);
    await page.goto(address);
    await page.reload();
    await page.getByRole('heading', { name: 'What left this hospital' }).waitFor();
    expect(page.url()).not.toContain('#');
  });

  it('shows what left, what the node is doing, and every volume', async () => {
    const sent = page.getByRole('region', { name: 'What left, table', exact: true });
    await sent.getByText('38.0 MB').waitFor();
    await page.getByText('all 2 entries verified').waitFor();
    await page.getByText('training, round 3').waitFor();
    await page.getByText('Mean loss went from 1.900 at step 10 to 1.600 at step 40.').waitFor();
    const volumes = page.getByRole('region', { name: 'Volumes, table' });
    await volumes.getByRole('rowheader', { name: 'ward-001' }).waitFor();
    expect(await volumes.getByRole('row').count()).toBe(4);
    await lookAt(page, 'site-page');
  });

  it('takes a decision on a study, with its settings in sight', async () => {
    await page.getByRole('button', { name: 'Settings and decision on Left atrium' }).click();
    const dialog = page.getByRole('dialog', { name: 'Study “Left atrium”' });
    await dialog.getByText('Whoever accepts lets this node train').waitFor();
    await lookAt(page, 'site-page-study');
    await dialog.getByRole('button', { name: 'Accept' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('region', { name: 'Studies, table' }).getByText('accepted').waitFor();
    expect(readFileSync(home.consents, 'utf8')).toContain('"accepted"');
  });

  it('segments a volume here and shows image, label, prediction and where they differ', async () => {
    await page.getByRole('button', { name: 'Predict ward-001' }).click();
    await page.locator('.volume-stage[data-status=ready]').waitFor({ timeout: 90_000 });
    for (const overlay of ['Label', 'Prediction', 'Disagreement'])
      expect(await page.getByRole('checkbox', { name: overlay }).count()).toBe(1);
    const alone = await page.screenshot();
    await page.getByRole('checkbox', { name: 'Label' }).click();
    await expect.poll(async () => (await page.screenshot()).equals(alone)).toBe(false);
    await lookAt(page, 'site-page-volume');
    const views = await Promise.all(
      ['image', 'label', 'prediction', 'disagreement'].map(async (view) => {
        const { origin } = new URL(address);
        const headers = { authorization: `Bearer ${new URL(address).hash.slice(1)}` };
        return (await fetch(`${origin}/api/v1/volumes/ward-001/${view}`, { headers })).status;
      }),
    );
    expect(views).toEqual([200, 200, 200, 200]);
  });

  it('says where its log was changed', async () => {
    writeFileSync(home.egressLog, readFileSync(home.egressLog, 'utf8').replace('38000000', '38'));
    await page.reload();
    await page.getByText('The log of what left could not be loaded').waitFor();
    await page.getByText(/line 2 is not as it was written: expected the hash of the line before/).waitFor();
  });

  it('has thrown nothing, and broken none of its own rules', () => {
    expect(complaints.filter((text) => !text.startsWith('Failed to load resource'))).toEqual([]);
  });
});
