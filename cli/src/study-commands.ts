import { readFile } from 'node:fs/promises';
import { StudyManifest, type StudyView } from '@consilium/shared';
import { renderTable } from '@consilium/shared/terminal';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Surroundings } from './commands.js';
import { CommandFailure, systemCode } from './exit-codes.js';
import { findStudy } from './find.js';

const ACTIONS = {
  start: 'open rounds',
  pause: 'let the open round finish, and open no other',
  resume: 'open rounds again',
  stop: 'abort the open round; the study is over',
} as const;

export function addStudyCommands(program: Command, { client, console }: Surroundings): void {
  const study = program.command('study').description('studies: what is trained, and how');
  study
    .command('schema')
    .description('the JSON Schema of a study file, for editors')
    .action(() => console.answer(true, z.toJSONSchema(StudyManifest, { io: 'input' }), ''));
  study
    .command('create')
    .description('create a study from a YAML or JSON file; only its name is required')
    .argument('<file>', 'as `consilium study schema` describes it')
    .option('--dry-run', 'check the file and show the whole study, with every default, and create nothing')
    .option('--json', 'print the answer as JSON')
    .action(async (file: string, { dryRun, json }: { dryRun?: boolean; json?: boolean }) => {
      const manifest = await readStudy(file);
      if (dryRun === true) return console.answer(true, manifest, '');
      const made = await (await client()).createStudy(manifest);
      console.answer(json, made, `Created ${named(made)}\nNext: consilium study start ${made.id}`);
    });
  study
    .command('list')
    .description('all studies')
    .option('--json', 'print the answer as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const studies = await (await client()).studies();
      console.answer(json, studies, studiesTable(studies));
    });
  for (const [action, description] of Object.entries(ACTIONS)) {
    study
      .command(action)
      .description(description)
      .argument('<study>', 'name, id, or the beginning of its id or digest')
      .option('--json', 'print the answer as JSON')
      .action(async (text: string, { json }: { json?: boolean }) => {
        const operator = await client();
        const { id } = await findStudy(operator, text);
        const changed = await operator.setStudy(id, action as keyof typeof ACTIONS);
        console.answer(json, changed, `${named(changed)} is ${changed.state}`);
      });
  }
}

/** Throws CommandFailure (usage) with every place of the file that is not as it should be. */
async function readStudy(file: string): Promise<StudyManifest> {
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    const why = systemCode(error) ?? (error as Error).message.split('\n')[0];
    throw new CommandFailure('usage', `${file}: expected a YAML file (${why})`, { cause: error });
  }
  const parsed = StudyManifest.safeParse(content);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map(({ path, message }) => `\n  ${path.join('.') || 'the file'}: ${message}`);
  throw new CommandFailure('usage', `${file}: expected a study:${places.join('')}`);
}

function named({ manifest, id }: StudyView): string {
  return `"${manifest.name}" (${id})`;
}

function studiesTable(studies: readonly StudyView[]): string {
  const rows = studies.map(({ manifest, state, roundsCommitted, id, digest }) => [
    manifest.name,
    state,
    `${roundsCommitted}/${manifest.rounds.count}`,
    id,
    digest.slice(0, 12),
  ]);
  return renderTable(['study', 'state', 'rounds', 'id', 'digest'], rows);
}
