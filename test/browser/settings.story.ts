import { OperatorView } from '@consilium/shared';
import { Secret, TOTP } from 'otpauth';
import { expect, it } from 'vitest';
import { OPERATOR } from '../support/server-process.js';
import type { Stage } from './stage.js';

/** Accounts, as an owner makes them and as whoever has one changes it. */
export function settingsStory(stage: Stage): void {
  let password = '';

  it('makes an account, and shows its password once', async () => {
    const { page } = stage;
    await stage.place('Settings').click();
    await stage.heading('Settings').waitFor();
    await stage.row('People', OPERATOR.name).waitFor();
    await page.getByLabel('Name of the new account').fill('mia');
    await page.getByLabel('Role of the new account').selectOption('viewer');
    await page.getByRole('button', { name: 'Make an account' }).click();
    password = await page.locator('.one-time').innerText();
    await page.getByLabel('Role of mia').selectOption('auditor');
    await stage.look('settings');
    await page.getByLabel(`Role of ${OPERATOR.name}`).selectOption('viewer');
    await page.getByText('operator is the only owner; make somebody else one first.').waitFor();
  });

  it('asks for a code after the password once somebody has switched a second factor on', async () => {
    const { page } = stage;
    await page.getByRole('button', { name: 'Log out' }).click();
    await stage.logIn({ name: 'mia', password });
    await stage.place('Settings').click();
    await page.getByRole('button', { name: 'Switch a second factor on' }).click();
    const key = page.getByRole('dialog').locator('code');
    const app = new TOTP({ secret: Secret.fromBase32((await key.innerText()).replaceAll(' ', '')) });
    await page.getByLabel('Code that the app shows').fill('000000');
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await page.getByText(/^The code is wrong/).waitFor();
    await stage.look('settings-second-factor');
    await page.getByLabel('Code that the app shows').fill(app.generate());
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await page.locator('.recovery-codes li').nth(7).waitFor();
    const recovery = await page.locator('.recovery-codes li').allInnerTexts();
    await page.getByRole('button', { name: 'Log out' }).click();
    await stage.logIn({ name: 'mia', password });
    const code = page.getByLabel('Code of your authenticator app');
    await code.waitFor();
    await stage.look('login-code');
    await code.fill(recovery[0]);
    await page.keyboard.press('Enter');
    await stage.place('Settings').click();
    await page.getByText('7', { exact: true }).waitFor();
    // An auditor sees who may do what, and decides nothing about it.
    await stage.row('People', 'mia').getByText('auditor').waitFor();
    expect(await page.getByRole('button', { name: 'Reset mia' }).count()).toBe(0);
  });

  it('lets an account in no more', async () => {
    const { page } = stage;
    await page.getByRole('button', { name: 'Log out' }).click();
    await stage.logIn();
    await stage.place('Settings').click();
    await stage.row('People', 'mia').getByText('on', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Remove mia' }).click();
    await page.getByLabel('Type mia to confirm').fill('mia');
    await page.getByRole('button', { name: 'Remove the account' }).click();
    await stage.row('People', 'mia').waitFor({ state: 'detached' });
    const people = await stage.operator.get('/operators', OperatorView.array());
    expect(people.map(({ name }) => name)).toEqual([OPERATOR.name]);
  });
}
