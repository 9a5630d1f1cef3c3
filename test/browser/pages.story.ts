import { gzipSync } from 'node:zlib';
import type { Response } from 'playwright-core';
import { expect, it } from 'vitest';
import type { Stage } from './stage.js';

/** Bytes, gzipped, of what a first visit loads. */
const FIRST_LOAD = 300_000;

/** Every page that the operator reaches from here, with something to show. */
export function pagesStory(stage: Stage): void {
  it('loads at first in less than 300 KB', async () => {
    const { page } = stage;
    const files: Promise<Buffer>[] = [];
    const note = (response: Response): void => {
      const isFile = response.ok() && !response.url().includes('/api/');
      // A page that goes away takes its answers along: then the count below is missed, and nothing else.
      if (isFile) files.push(response.body().catch(() => Buffer.alloc(0)));
    };
    page.on('response', note);
    await page.goto(`${stage.server.url}/`);
    await page.locator('.uplot canvas').first().waitFor();
    page.off('response', note);
    const sizes = (await Promise.all(files)).map((body) => gzipSync(body).length);
    expect(sizes.length).toBeGreaterThan(5);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_LOAD);
  });

  it('draws a study with a lane for each site, and moves through it by arrow keys', async () => {
    const { page } = stage;
    await stage.place('Studies').click();
    await page.getByRole('link', { name: 'Left atrium' }).click();
    const grid = page.getByRole('grid', { name: 'Timeline of round 2' });
    await grid.getByRole('row').nth(2).waitFor();
    expect(await grid.getByRole('row').count()).toBe(3);
    await page.getByText('3 of 3 sites accepted').waitFor();
    await page.getByRole('link', { name: 'Earlier: round 1' }).click();
    const first = page.getByRole('grid', { name: 'Timeline of round 1' });
    await first.getByRole('gridcell', { name: /^saint-anna: training from/ }).waitFor();
    expect(new URL(page.url()).searchParams.get('timeline')).toBe((await stage.roundOnServer(1)).id);
    await stage.tabTo(first.getByRole('link', { name: 'saint-anna' }));
    await page.keyboard.press('ArrowRight');
    expect(await page.locator(':focus').getAttribute('aria-label')).toMatch(/^saint-anna: invited from/);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    expect(await page.locator(':focus').getAttribute('aria-label')).toMatch(/^villa-rosa: refused at .* not-finite/);
    await page.locator('.uplot canvas').nth(2).waitFor();
    await stage.look('study');
  });

  it('shows a site: what it took part in, and every object that moved', async () => {
    const { page } = stage;
    await stage.place('Sites').click();
    await stage.heading('Sites').waitFor();
    await page.getByRole('link', { name: 'villa-rosa' }).click();
    await stage.heading('villa-rosa').waitFor();
    await stage.row('Participation', 'Round 1').getByText('refused').waitFor();
    await stage.row('Participation', 'Round 2').getByText('accepted').waitFor();
    await page.getByText('accepted in 1 of 2 rounds (50 %)').waitFor();
    await expect.poll(() => stage.row('Transfers', 'left the site').count()).toBe(2);
    await stage.look('site');
  });

  it('asks for the name before it revokes', async () => {
    const { page } = stage;
    await page.getByRole('button', { name: 'Revoke villa-rosa' }).click();
    const sure = page.getByRole('button', { name: 'Revoke the site' });
    expect(await sure.isDisabled()).toBe(true);
    await page.getByLabel('Type villa-rosa to confirm').fill('villa-rosa');
    expect(await sure.isDisabled()).toBe(false);
    await stage.look('revoke');
    await page.getByRole('button', { name: 'Cancel' }).click();
  });

  it('compares two studies by their settings and curves', async () => {
    const { page, operator } = stage;
    const model = { width: 2, patch: [16, 16, 16] as [number, number, number] };
    await operator.createStudy({ name: 'Narrow atrium', model, rounds: { quorum: 3 } });
    await stage.place('Studies').click();
    await page.getByRole('checkbox', { name: 'Compare Left atrium' }).click();
    await page.getByText('Tick one more to compare').waitFor();
    await page.getByRole('checkbox', { name: 'Compare Narrow atrium' }).click();
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await stage.heading('Comparison').waitFor();
    await stage.row('Settings that differ', 'rounds.quorum').getByText('3').waitFor();
    await page.getByText('Newest mean Dice: Left atrium 0.714, Narrow atrium –.').waitFor();
    await stage.look('compare');
    await page.reload();
    await stage.row('Settings that differ', 'rounds.quorum').waitFor();
  });

  it('says where a model comes from, and verifies it in the browser', async () => {
    const { page } = stage;
    const study = (await stage.operator.studies()).find(({ manifest }) => manifest.name === 'Left atrium');
    await page.goto(`${stage.server.url}/models?study=${study?.id}`);
    await stage.row('Versions', 'Version 2').getByText('0.714').waitFor();
    await stage.look('models');
    await page.getByRole('link', { name: 'Version 2' }).click();
    await stage.heading('Version 2').waitFor();
    await stage.row('Contributors', 'saint-anna').waitFor();
    await page.getByRole('button', { name: 'Verify in this browser' }).click();
    await page.getByText('Everything is what it claims to be').waitFor();
    await stage.look('model');
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download safetensors' }).click();
    expect((await saved).suggestedFilename()).toBe('left-atrium-2.safetensors');
  });

  it('releases a version once somebody has vouched for it, and goes back', async () => {
    const { page } = stage;
    await page.getByText('none is released yet').waitFor();
    await page.getByRole('button', { name: 'Sign off' }).click();
    const vouch = page.getByRole('dialog').getByRole('button', { name: 'Sign off' });
    expect(await vouch.isDisabled()).toBe(true);
    await page.getByLabel('What you vouch for').fill('looked at ten predictions');
    await stage.look('sign-off');
    await vouch.click();
    await page.getByText('looked at ten predictions').waitFor();
    await page.getByRole('button', { name: 'Promote' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await page.getByText('in use', { exact: true }).waitFor();
    expect((await stage.operator.release((await stage.roundOnServer(2)).studyId)).released?.version).toBe(2);
    await stage.look('model-released');

    await page.getByRole('link', { name: 'version 1' }).first().click();
    await stage.heading('Version 1').waitFor();
    await page.getByRole('button', { name: 'Promote' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await page.getByRole('dialog').getByText('Version 1 is worse than version 2').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.goBack();
    await stage.heading('Version 2').waitFor();
  });

  it('does not verify a model whose bytes are others', async () => {
    const { page } = stage;
    await page.route('**/api/v1/blobs/*', (route) => route.fulfill({ status: 200, body: 'another model' }));
    await page.getByRole('button', { name: 'Verify in this browser' }).click();
    await page.getByText('1 of').first().waitFor();
    await page.unroute('**/api/v1/blobs/*');
  });
}
