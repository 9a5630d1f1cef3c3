import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { accessibilityViolations } from './chromium.js';

const ARTEFACTS = fileURLToPath(new URL('../artefacts/', import.meta.url));

/** Screenshot and accessibility of a page as it stands, in both appearances. */
export async function lookAt(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(ARTEFACTS, `${name}-${colorScheme}.png`), fullPage: true });
    expect.soft(await accessibilityViolations(page), `${name}, ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}
