import { Command } from 'commander';
import { BadInput } from './bad-input.js';
import { verifyFiles, type FilesVerdict } from './verify-files.js';

export { verifyFiles };

/** Those of the other commands of Consilium. */
export const EXIT_CODES = { verified: 0, usage: 2, wrong: 3, missing: 4 } as const;

const several = (value: string, before: string[]): string[] => [...before, value];

interface Flags {
  site: string[];
  blobs?: string;
  json?: boolean;
}

/** Sets the process's exit code; a sentence about bad input goes to standard error. */
export function verifyCommand(name: string): Command {
  return new Command(name)
    .description('verify an exported log without its server: tree, signatures, receipts, witnesses, models')
    .argument('<log>', 'as `consilium audit export` wrote it')
    .option('--site <path>', "home of a site's node, or its witness.json; once for each site", several, [])
    .option('--blobs <dir>', 'updates and models by digest: every committed model is made once more from them')
    .option('--json', 'print the verdict as JSON')
    .addHelpText('after', '\nExit codes: 0 it holds, 2 bad input, 3 something is wrong, 4 something is missing')
    .action(async (log: string, { site, blobs, json }: Flags) => {
      try {
        const verdict = await verifyFiles({ log, sites: site, blobs });
        process.stdout.write(`${json === true ? JSON.stringify(verdict, null, 2) : textOf(verdict)}\n`);
        process.exitCode = EXIT_CODES[verdict.outcome];
      } catch (error) {
        if (!(error instanceof BadInput)) throw error;
        process.stderr.write(`${name}: ${error.message}\n`);
        process.exitCode = EXIT_CODES.usage;
      }
    });
}

function textOf({ outcome, origin, size, root, counts, recomputed, problems }: FilesVerdict): string {
  const checked = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const models = recomputed === null ? [] : [`${recomputed} of ${counts.rounds} models made once more`];
  return [
    `${outcome}: ${origin ?? 'a log without a name'}, ${size} entries, root ${root}`,
    `checked: ${[...checked, ...models].join(', ')}`,
    ...problems.map(({ sentence }) => `- ${sentence}`),
  ].join('\n');
}
