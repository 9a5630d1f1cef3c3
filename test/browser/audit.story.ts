import { expect, it } from 'vitest';
import type { Stage } from './stage.js';

/** What an auditor does: look at the log, and believe nothing of it that the browser has not computed. */
export function auditStory(stage: Stage): void {
  it('verifies the log in the browser, and proves each entry', async () => {
    const { page } = stage;
    await stage.place('Audit').click();
    await page.getByText(/^chain verified to #\d+/).waitFor();
    await page.getByText('first visit of this browser').waitFor();
    await page.getByRole('button', { name: 'Check every entry' }).click();
    await page.getByText(/^all \d+ entries give this root/).waitFor();
    const refused = stage.row('Entries', "villa-rosa's update refused, not-finite");
    await refused.getByRole('button', { name: /^Proof of entry/ }).click();
    await page.getByText(/^in the tree of \d+ entries/).waitFor();
    await page.getByText('"reason":"not-finite"').waitFor();
    await stage.look('audit');
    await page.reload();
    await page.getByText(/, seen by this browser/).waitFor();
  });

  it('keeps its filters in the address', async () => {
    const { page } = stage;
    await page.getByLabel('Kind of entry').selectOption('round-committed');
    await stage.row('Entries', 'Round 2 committed a model from 3 updates').waitFor();
    expect(new URL(page.url()).searchParams.get('type')).toBe('round-committed');
    await page.reload();
    await stage.row('Entries', 'Round 1 committed a model from 2 updates').waitFor();
    expect(await page.getByRole('region', { name: 'Entries, table' }).getByRole('row').count()).toBe(3);
  });

  it('answers what a hospital shared this month', async () => {
    const { page } = stage;
    await stage.place('Audit').click();
    await page.getByLabel('Hospital', { exact: true }).selectOption('saint-anna');
    await page.getByText(/^saint-anna shared 2 model updates \(.*\) and 2 measurements in/).waitFor();
    await stage.look('audit-shared');
  });

  it('says so where the server shows another log than the one that it signed', async () => {
    const { page } = stage;
    await page.route('**/api/v1/log/entries?*', async (route) => {
      const answer = await route.fetch();
      const text = (await answer.text()).replaceAll('not-finite', 'out-of-bounds');
      await route.fulfill({ response: answer, body: text });
    });
    await stage.place('Audit').click();
    await page.reload();
    await page.getByRole('button', { name: 'Check every entry' }).click();
    await page.getByText('the entries give another root').waitFor();
    const forged = stage.row('Entries', "villa-rosa's update refused, out-of-bounds");
    await forged.getByRole('button', { name: /^Proof of entry/ }).click();
    await page.getByText(/^the tree of \d+ entries has another entry at/).waitFor();
    await page.unroute('**/api/v1/log/entries?*');
    await page.evaluate(`localStorage.setItem('consilium.log', JSON.stringify({
      ...JSON.parse(localStorage.getItem('consilium.log')), root: '${'0'.repeat(64)}' }))`);
    await page.reload();
    await page.getByText('The log does not verify').waitFor();
    await stage.look('audit-forged');
    await page.evaluate(`localStorage.removeItem('consilium.log')`);
  });
}
