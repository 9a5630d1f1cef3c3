import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childEntry } from '../child-entry.js';
import { temporaryFolder } from './setup.fixture.js';
import { addonTest } from './test-addon.js';

// The test runs the compiled child; it is skipped by name where nothing was built.
describe.skipIf(!existsSync(childEntry('setup/smoke-test.js')))('addonTest', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  it('outlives an addon that cannot be loaded, and remembers no failure', async () => {
    const addon = path.join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
    await fs.mkdir(path.dirname(addon), { recursive: true });
    await fs.writeFile(addon, 'not a library');
    const outcome = await addonTest(folder, process.env)(addon);
    expect(outcome).toMatchObject({ failed: expect.stringMatching(/tfjs_binding\.node/) as string });
    expect(existsSync(path.join(folder, 'tested'))).toBe(false);
  });
});
