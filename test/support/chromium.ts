import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Debian's package; nothing is downloaded, and the browser asks nobody for updates. */
export const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with an empty profile of its own, which goes when it is closed. */
export function launchChromium(...more: string[]): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...more], timeout: 30_000 });
}

interface AxeViolation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** Violations of WCAG 2.2 AA and of axe's best practices on the page as it stands, one line each. */
export async function accessibilityViolations(page: Page): Promise<string[]> {
  // Evaluated over the debugging protocol, so that the page's own security policy stays in force.
  await page.evaluate(`${axe.source};0`);
  const violations = await page.evaluate<AxeViolation[]>('axe.run().then((result) => result.violations)');
  return violations.map(({ id, help, nodes }) => {
    const first = nodes.at(0);
    return `${id}: ${help} (${nodes.length}): ${first?.html.slice(0, 160) ?? ''} ${first?.failureSummary ?? ''}`;
  });
}
