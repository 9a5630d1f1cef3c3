import { keyThumbprint, parseCheckpoint } from '@consilium/shared';
import type { Command } from 'commander';
import { readWitness, setWitnessAside, type WitnessRecord } from '../agent/witness-file.js';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { printJson, renderTable } from './console.js';
import { withHome } from './options.js';

export function addLogCommands(program: Command): void {
  const log = program.command('log').description("the server's transparency log, as this site has seen it");
  withHome(log.command('witness'))
    .description('the checkpoints that this site keeps, to compare with those of other sites')
    .option('--json', 'print the answer as JSON')
    .action(async (flags: Record<string, unknown>) => {
      const home = nodeHome(settingsFromProcess(flags).home);
      const record = await readWitness(home);
      if (record === undefined)
        throw new NodeFailure(
          'usage',
          `${home.root} has seen no checkpoint yet: run the node until it has had an assignment`,
        );
      if (flags['json'] === true) printJson(record);
      else process.stdout.write(`${witnessText(record)}\n`);
    });
  withHome(log.command('set-aside'))
    .description('keep what was seen under another name and begin anew, once the operator has explained a broken log')
    .action(async (flags: Record<string, unknown>) => {
      const aside = await setWitnessAside(nodeHome(settingsFromProcess(flags).home), new Date());
      process.stdout.write(`Kept as ${aside}\n`);
    });
}

/** Newest first. */
function witnessText({ origin, serverKeys, checkpoints, refused }: WitnessRecord): string {
  const rows = checkpoints
    .map(({ seenAt, note }) => {
      const { size, root } = parseCheckpoint(note)!;
      return [seenAt, String(size), Buffer.from(root).toString('hex')];
    })
    .reverse();
  return [
    `log         ${origin}`,
    ...serverKeys.map((key) => `signed by   ${keyThumbprint(key)}`),
    ...(refused === null ? [] : [`REFUSED     ${refused.seenAt}: ${refused.sentence}`]),
    '',
    renderTable(['seen', 'entries', 'root'], rows),
  ].join('\n');
}
