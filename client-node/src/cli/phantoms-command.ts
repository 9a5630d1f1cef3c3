import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { asFileFailure, NodeFailure } from '../settings/failure.js';
import { PHANTOM_SHAPE, writePhantomSite, type Triple } from '../volumes/index.js';
import { printJson } from './console.js';

interface PhantomFlags {
  site?: string;
  seed: number;
  labelled: number;
  unlabelled: number;
  validation: number;
  classes: number;
  shape: Triple;
  spacing: Triple;
  orientations: string[];
  json?: boolean;
}

export function addPhantomsCommand(program: Command): void {
  program
    .command('phantoms')
    .description('write a site folder of generated volumes: for a trial, not for a study')
    .argument('<dir>', 'a folder that does not exist yet')
    .option('--site <name>', "names the scanner, and so the contrast (default: the folder's name)")
    .option('--seed <n>', 'the same seed gives the same bytes', whole, 0)
    .option('--labelled <n>', 'volumes with a label', whole, 4)
    .option('--unlabelled <n>', 'volumes without one', whole, 4)
    .option('--validation <n>', 'labelled volumes kept for measuring', whole, 2)
    .option('--classes <n>', 'background included', whole, 2)
    .option('--shape <x,y,z>', 'voxels', triple, PHANTOM_SHAPE)
    .option('--spacing <x,y,z>', 'millimetres', triple, [1, 1, 1] as Triple)
    .option('--orientations <list>', 'how files are stored, in turn', (text) => text.split(','), ['RAS'])
    .option('--json', 'print the answer as JSON')
    .action(async (directory: string, flags: PhantomFlags) => {
      const path = resolve(directory);
      if (existsSync(path))
        throw new NodeFailure('usage', `phantoms: expected a new folder, got ${path}, which exists`);
      const { json, site = basename(path).toLowerCase(), ...options } = flags;
      const names = await writeWholeSite(path, (unfinished) => writePhantomSite(unfinished, { site, ...options }));
      if (json === true) printJson({ directory: path, volumes: names });
      else process.stdout.write(`${names.length} volumes in ${path}\n`);
    });
}

/** The folder gets its name when all is in it. */
async function writeWholeSite(path: string, write: (unfinished: string) => Promise<string[]>): Promise<string[]> {
  const unfinished = `${path}.part`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    const names = await write(unfinished);
    await rename(unfinished, path);
    return names;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw asFileFailure(error, `writing ${path}`);
  }
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number from 0.');
  return value;
}

function triple(text: string): Triple {
  const values = text.split(/[,x]/).map(Number);
  if (values.length !== 3 || !values.every((value) => value > 0)) {
    throw new InvalidArgumentError('expected three positive numbers such as 64,64,48.');
  }
  return values as unknown as Triple;
}
