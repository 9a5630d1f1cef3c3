import { expect, it } from 'vitest';
import { OPERATOR } from '../support/server-process.js';
import type { Stage } from './stage.js';

/** From the log-in on an empty server to three sites that are connected. */
export function enrolmentStory(stage: Stage): void {
  it('asks to log in, says why it refuses, and explains an empty server', async () => {
    const { page, server } = stage;
    await page.goto(`${server.url}/sites`);
    await stage.heading('Log in to Consilium').waitFor();
    await stage.look('log-in');
    await page.getByLabel('Operator name').fill(OPERATOR.name);
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    await page.keyboard.press('Enter');
    expect((await page.getByRole('alert').innerText()).length).toBeGreaterThan(10);
    await page.getByLabel('Password', { exact: true }).fill(OPERATOR.password);
    await page.keyboard.press('Enter');
    // Back to where the operator wanted to go.
    await stage.heading('Sites').waitFor();
    await page.getByText('No site is enrolled yet').waitFor();
    await stage.place('Overview').click();
    await page.getByText('No study yet').waitFor();
    await stage.pill().getByText('live').waitFor();
    await stage.look('overview-empty');
    await page.reload();
    await stage.heading('Overview').waitFor();
    await page.getByRole('link', { name: 'Enrol the sites' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    // Past the navigation, on the first link of the page itself.
    expect(await page.locator(':focus').innerText()).toBe('Enrol the sites');
  });

  it('explains every page that has nothing to show yet', async () => {
    const { page } = stage;
    for (const [name, text] of [
      ['Studies', 'No study yet'],
      ['Models', 'Models come from studies'],
      ['Sites', 'No site is enrolled yet'],
    ] as const) {
      await stage.place(name).click();
      await stage.heading(name).waitFor();
      await page.getByText(text).first().waitFor();
      await stage.look(`${name.toLowerCase()}-empty`);
    }
  });

  it('hands out a code, and shows the site as it enrols, is approved and connects', async () => {
    const { page, server } = stage;
    await page.getByLabel('Site name').fill('Saint Anna');
    await page.getByRole('button', { name: 'Create a code' }).click();
    await page.getByText('A site name is 1 to 40 of a-z').waitFor();
    await page.getByLabel('Site name').fill('saint-anna');
    await page.getByRole('button', { name: 'Create a code' }).click();
    const command = await page.locator('.command code').innerText();
    const code = command.split(' ').at(-1) ?? '';
    expect(command).toBe(`consilium-node enrol ${server.url} ${code}`);
    const anna = await stage.join(code, { labelled: 7, unlabelled: 3, validation: 2 });
    stage.sites.push(anna);
    const row = stage.row('Sites', 'saint-anna');
    await row.getByText('to approve').waitFor();
    await stage.look('sites-to-approve');
    await row.getByRole('button', { name: 'Approve saint-anna' }).click();
    await page.getByLabel('Fingerprint that the site reads out').fill('0000-0000-0000-0000-0000');
    await page.getByRole('button', { name: 'Approve the site' }).click();
    await page
      .getByRole('dialog')
      .getByText(/fingerprint/i)
      .nth(1)
      .waitFor();
    await page.getByLabel('Fingerprint that the site reads out').fill(anna.fingerprint.toLowerCase());
    await stage.look('approve');
    await page.getByRole('button', { name: 'Approve the site' }).click();
    await row.getByText('not connected').waitFor();
    await anna.connect();
    await row.getByText('connected', { exact: true }).waitFor();
    await stage.look('sites');
  });

  it('takes in more sites', async () => {
    const { operator, sites } = stage;
    for (const [name, labelled] of [
      ['villa-rosa', 4],
      ['zollern', 0],
    ] as const) {
      const data = { labelled, unlabelled: 12, validation: 4 };
      const site = await operator.admit(name, (code) => stage.join(code, data));
      await site.connect();
      sites.push(site);
    }
  });
}
