import { expect, it } from 'vitest';
import { isFocused, type Stage } from './stage.js';

/** From enrolment through study and round to the log with no mouse. */
export function keyboardStory(stage: Stage): void {
  it('leads from enrolment through study and round to the audit by keyboard alone', async () => {
    const { page } = stage;
    await page.goto(`${stage.server.url}/`);
    await stage.heading('Narrow atrium').waitFor();
    await stage.tabTo(stage.place('Sites'));
    await page.keyboard.press('Enter');
    await stage.tabTo(page.getByLabel('Site name'));
    await page.keyboard.type('quay');
    await page.keyboard.press('Enter');
    await page.locator('.one-time').waitFor();
    await backTo(stage, 'Studies');
    await stage.tabTo(page.getByRole('link', { name: 'Left atrium' }));
    await page.keyboard.press('Enter');
    await stage.heading('Left atrium').waitFor();
    await stage.tabTo(page.getByRole('link', { name: 'Round 2', exact: true }).first(), 80);
    await page.keyboard.press('Enter');
    await stage.heading('Round 2').waitFor();
    await backTo(stage, 'Audit');
    await page.getByText(/^chain verified to #\d+/).waitFor();
    const proof = page.getByRole('button', { name: /^Proof of entry/ }).first();
    await stage.tabTo(proof, 80);
    await page.keyboard.press('Enter');
    await page.getByText(/^in the tree of \d+ entries/).waitFor();
    expect(await proof.getAttribute('aria-expanded')).toBe('true');
  });
}

/** Shift-Tab from the page's content back into the navigation, and on to a place in it. */
async function backTo(stage: Stage, name: string): Promise<void> {
  const { page } = stage;
  const place = stage.place(name);
  for (let press = 0; press < 60; press++) {
    if (await isFocused(place)) break;
    await page.keyboard.press('Shift+Tab');
  }
  await page.keyboard.press('Enter');
  await stage.heading(name).waitFor();
}
