import type { Command } from 'commander';
import { readStudies, type SeenStudy } from '../agent/studies-file.js';
import { Consents, decide, type Decision } from '../egress/consents.js';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess, type NodeHome, type NodeSettings } from '../settings/node-settings.js';
import { printJson, renderTable } from './console.js';
import { withHome } from './options.js';

type Flags = Record<string, unknown>;

/** What is typed has to name one study; eight characters of a digest are enough to read out. */
const SHORTEST = 8;

export function addStudiesCommands(program: Command): void {
  const studies = program
    .command('studies')
    .description('studies that the server offers, and what this site says to them; it works for none unasked');
  withHome(studies.command('list'))
    .description('every study that this node has been offered, newest first')
    .option('--json', 'print the studies as JSON')
    .action(list);
  withHome(studies.command('show'))
    .description('all settings of a study: what is trained, how often, and what may be sent')
    .argument('<digest>', 'of the study, or how it begins')
    .option('--json', 'print it in one object with the decision')
    .action(show);
  for (const [name, decision, what] of COMMANDS) {
    withHome(studies.command(name))
      .description(what)
      .argument('<digest>', 'of the study, or how it begins')
      .option('--json', 'print the study and the decision as JSON')
      .action((digest: string, flags: Flags) => answer(digest, decision, flags));
  }
}

const COMMANDS: [name: string, decision: Decision, what: string][] = [
  ['accept', 'accepted', 'take part in a study with exactly these settings; a running node tells the server at once'],
  ['decline', 'declined', 'take no part, or none any more; what was sent before cannot be called back'],
];

async function list(flags: Flags): Promise<void> {
  const { home, consents } = contextOf(flags);
  const seen = await readStudies(home);
  const decided = await Promise.all(
    seen.map(async (study) => ({ ...study, decision: await consents.of(study.digest) })),
  );
  decided.reverse();
  if (flags['json'] === true) {
    printJson(decided);
    return;
  }
  const rows = decided.map(({ digest, manifest, seenAt, decision }) => [
    digest.slice(0, 12),
    manifest.name,
    seenAt.slice(0, 19),
    decision ?? 'to be decided',
  ]);
  process.stdout.write(`${renderTable(['study', 'name', 'seen', 'decision'], rows)}\n`);
}

async function show(digest: string, flags: Flags): Promise<void> {
  const { home, consents } = contextOf(flags);
  const study = await studyNamed(home, digest);
  const decision = await consents.of(study.digest);
  if (flags['json'] === true) printJson({ ...study, decision });
  else {
    process.stdout.write(`study     ${study.digest}\ndecision  ${decision ?? 'to be decided'}\n`);
    printJson(study.manifest);
  }
}

async function answer(digest: string, decision: Decision, flags: Flags): Promise<void> {
  const { home } = contextOf(flags);
  const study = await studyNamed(home, digest);
  await decide(home, study.digest, decision, new Date());
  if (flags['json'] === true) printJson({ ...study, decision });
  else process.stdout.write(`${decision}: "${study.manifest.name}" ${study.digest}\n`);
}

function contextOf(flags: Flags): { home: NodeHome; consents: Consents } {
  const settings: NodeSettings = settingsFromProcess(flags);
  const home = nodeHome(settings.home);
  return { home, consents: new Consents(home, settings.acceptStudy) };
}

async function studyNamed(home: NodeHome, beginning: string): Promise<SeenStudy> {
  const found = (await readStudies(home)).filter(({ digest }) => digest.startsWith(beginning));
  if (beginning.length >= SHORTEST && found.length === 1) return found[0];
  const wanted = `studies: expected ${SHORTEST} or more characters of one study's digest, as "studies list" has them`;
  throw new NodeFailure('usage', `${wanted}, got ${beginning}, with which ${found.length} begin`);
}
