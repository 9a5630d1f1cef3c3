import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { cruise, type IConfiguration } from 'dependency-cruiser';
import { afterEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const { default: config } = (await import(join(root, 'dependency-cruiser.config.mjs'))) as {
  default: Required<Pick<IConfiguration, 'forbidden' | 'options'>>;
};
const planted: string[] = [];

/** Puts one import into a package for the length of a test and returns the names of the rules it breaks. */
async function rulesBrokenBy(folder: string, statement: string): Promise<string[]> {
  mkdirSync(join(root, folder), { recursive: true });
  const directory = mkdtempSync(join(root, folder, 'planted-'));
  planted.push(directory);
  const file = join(directory, 'planted.ts');
  writeFileSync(file, `${statement}\n`);
  const result = await cruise(
    [relative(root, file)],
    { ruleSet: { forbidden: config.forbidden }, validate: true, baseDir: root, ...config.options },
    config.options.enhancedResolveOptions,
  );
  if (typeof result.output === 'string') throw new Error('expected a cruise result, got a report text');
  return result.output.summary.violations
    .filter((violation) => violation.from.startsWith(relative(root, dirname(file))))
    .map((violation) => violation.rule.name);
}

afterEach(() => {
  for (const directory of planted.splice(0)) rmSync(directory, { recursive: true, force: true });
});

describe('dependency rules fire', () => {
  it.each([
    ['shared/src', `import '@consilium/client-node';`, 'shared-stands-alone'],
    ['shared/src', `import 'node:fs';`, 'shared-is-pure'],
    ['shared/src', `import 'socket.io';`, 'shared-is-pure'],
    ['verify/src', `import '../../../server/src/main.js';`, 'verify-trusts-nobody'],
    ['verify/src', `import 'node:fs';`, 'verify-in-browsers'],
    ['server/src', `import '@consilium/client-node';`, 'server-not-node'],
    ['server/src/rounds', `import '../../testing/debian-postgres.js';`, 'testing-in-specs-only'],
    ['client-node/src/agent', `import '../../../../server/src/main.js';`, 'node-not-server'],
    ['dashboard/src', `import '@consilium/client-node';`, 'dashboard-speaks-protocol'],
    ['cli/src', `import '@consilium/client-node';`, 'operators-speak-protocol'],
    ['client-node/src/agent', `import '@tensorflow/tfjs-core';`, 'tensors-in-engine-and-crln'],
    ['client-node/src/volumes', `import '../../engine/ops.js';`, 'volumes-know-no-network'],
    ['client-node/src/engine', `import '../../crln/patches.js';`, 'engine-knows-no-method'],
    ['client-node/src/agent', `import '../../cli/main.js';`, 'cli-on-top'],
  ])('%s: %s', async (folder, statement, rule) => {
    expect(await rulesBrokenBy(folder, statement)).toContain(rule);
  });
});
