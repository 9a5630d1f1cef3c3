import { resolve } from 'node:path';
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { NodeFailure } from '../settings/failure.js';
import { checkSite, dataCheckTable } from '../volumes/index.js';
import { printJson, StatusLine } from './console.js';
import { bar } from './status-text.js';

export function addDataCommand(program: Command): void {
  const data = program.command('data').description("look at a site's volumes");
  data
    .command('check')
    .description('list every volume with shape, spacing, orientation and label values, and what is wrong with it')
    .argument('<dir>', "the site's folder: images/ and labels/, optionally validation/")
    .option('--json', 'print the answer as JSON')
    .action(async (directory: string, flags: { json?: boolean }) => {
      const path = resolve(directory);
      if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
        throw new NodeFailure('bad-data', `data check: expected a folder, got ${path}, which is none`);
      }
      const status = new StatusLine(process.stderr);
      const check = await checkSite(
        path,
        {},
        { onVolume: (_, done, total) => status.show(`reading ${bar(done, total)} ${done}/${total}`) },
      );
      status.clear();
      if (flags.json === true) printJson(check);
      else process.stdout.write(`${dataCheckTable(check)}\n`);
      if (check.labelled + check.unlabelled + check.validation === 0) {
        throw new NodeFailure('bad-data', `${path}: expected at least one usable volume, got none`);
      }
    });
}
