import { it } from 'vitest';
import type { Stage } from './stage.js';

/** Every page of the frame, and what it shows once it has answers. */
const PAGES = [
  ['/', 'Narrow atrium'],
  ['/studies', 'Studies'],
  ['/models', 'Models'],
  ['/sites', 'Sites'],
  ['/audit', 'Audit'],
] as const;

/** A server that is away, slow or broken, and a session that has ended. */
export function failureStory(stage: Stage): void {
  it('says how old it is while the server is away, and catches up afterwards', async () => {
    const { page } = stage;
    await page.goto(`${stage.server.url}/rounds/${(await stage.roundOnServer(2)).id}`);
    await stage.row('Contributions', 'zollern').waitFor();
    await stage.restart(async () => {
      await stage.pill().getByText('reconnecting').waitFor();
      await page.getByText(/, \d s old/).waitFor();
      // What was there stays there.
      await stage.row('Contributions', 'zollern').waitFor();
      await page.getByText('No live connection to the server since').waitFor();
      await stage.look('server-away');
      // What has not been loaded yet says so, and offers to try again.
      await stage.row('Contributions', 'zollern').getByRole('link').click();
      await page.getByText('This site could not be loaded').waitFor();
      await page.getByRole('button', { name: 'Retry' }).waitFor();
      await stage.look('site-away');
    });
    await stage.pill().getByText('live').waitFor();
    await page.getByText('No live connection').waitFor({ state: 'detached' });
    // The live connection, once it is back, has everything loaded again.
    await stage.row('Participation', 'Round 2').waitFor();
  });

  it('shows on a slow link that it waits, on every page', async () => {
    const { page } = stage;
    await page.route('**/api/v1/**', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      await route.continue().catch(() => undefined);
    });
    for (const [path, name] of PAGES) {
      await page.goto(`${stage.server.url}${path}`);
      await page
        .getByRole('status', { name: /: loading$/ })
        .first()
        .waitFor();
      await stage.heading(name).waitFor();
    }
    await page.unroute('**/api/v1/**');
  });

  it('lets one panel fail alone, with a retry', async () => {
    const { page, server } = stage;
    await page.route('**/api/v1/sites', (route) =>
      route.fulfill({ status: 500, json: { statusCode: 500, code: 'internal', message: 'The disk is full.' } }),
    );
    const study = (await stage.operator.studies()).find(({ manifest }) => manifest.name === 'Left atrium');
    await page.goto(`${server.url}/?study=${study?.id}`);
    await page.getByText('The sites could not be loaded').waitFor();
    await stage.row('Rounds', 'Round 1').waitFor();
    await stage.look('panel-failed');
    await page.unroute('**/api/v1/sites');
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('The sites could not be loaded').waitFor({ state: 'detached' });
  });

  it('says so where the code of a page does not come, with a retry', async () => {
    const { page } = stage;
    await page.route('**/assets/models-page-*.js', (route) => route.abort());
    await page.reload();
    await stage.place('Models').click();
    await page.getByText('This page could not be loaded').waitFor();
    await page.unroute('**/assets/models-page-*.js');
    await page.getByRole('button', { name: 'Retry' }).click();
    await stage.heading('Models').waitFor();
  });

  it('sends an expired session to the log-in, with a sentence, and back', async () => {
    const { page, server } = stage;
    await page.evaluate(
      `sessionStorage.setItem('consilium.session', JSON.stringify({ ...JSON.parse(sessionStorage.getItem('consilium.session')), token: 'stale' }))`,
    );
    await page.goto(`${server.url}/studies`);
    await page.getByText('Your session has expired').waitFor();
    await stage.logIn();
    await stage.row('Studies', 'Left atrium').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await stage.heading('Log in to Consilium').waitFor();
  });
}
