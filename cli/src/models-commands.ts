import type { MeasuredModel, ModelVersion, ReleaseState } from '@consilium/shared';
import { EXPORT_FORMATS, type ExportFormat } from '@consilium/shared/formats';
import { renderTable } from '@consilium/shared/terminal';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Surroundings } from './commands.js';
import { downloadModel } from './download-model.js';
import { CommandFailure } from './exit-codes.js';
import { findStudy } from './find.js';

const STUDY = ['<study>', 'name, id, or the beginning of its id or digest'] as const;
const JSON_OPTION = ['--json', 'print the answer as JSON'] as const;

export function addModelsCommands(program: Command, surroundings: Surroundings): void {
  const models = program.command('models').description('model versions, and which of them sites are told to use');
  addList(models, surroundings);
  addDecisions(models, surroundings);
  addDownload(models, surroundings);
}

function addList(models: Command, { client, console }: Surroundings): void {
  models
    .command('list')
    .description('all versions of a study')
    .argument(...STUDY)
    .option(...JSON_OPTION)
    .action(async (text: string, { json }: { json?: boolean }) => {
      const operator = await client();
      const { id } = await findStudy(operator, text);
      const [versions, release] = await Promise.all([operator.models(id), operator.release(id)]);
      console.answer(json, { versions, release }, modelsTable(versions, release));
    });
}

function addDecisions(models: Command, { client, console }: Surroundings): void {
  const say = (json: boolean | undefined, release: ReleaseState): void =>
    console.answer(json, release, `Sites are told to use version ${release.released?.version ?? 'none'}`);
  models
    .command('promote')
    .description('tell sites to use this version; refused where a site would lose more than the study tolerates')
    .argument(...STUDY)
    .argument('<version>', 'from 0', version)
    .option('--reason <sentence>', 'kept in the log')
    .option('--accept-unmeasured', 'though sites have not measured it that measured the one in use')
    .option(...JSON_OPTION)
    .action(async (text: string, number: number, flags: { reason?: string; acceptUnmeasured?: true; json?: true }) => {
      const operator = await client();
      const { id } = await findStudy(operator, text);
      const unmeasured = flags.acceptUnmeasured === true ? 'accept' : 'refuse';
      say(flags.json, await operator.promote(id, number, { reason: flags.reason ?? null, unmeasured }));
    });
  models
    .command('rollback')
    .description('tell sites to use the version that was in use before')
    .argument(...STUDY)
    .option('--reason <sentence>', 'kept in the log')
    .option(...JSON_OPTION)
    .action(async (text: string, { reason, json }: { reason?: string; json?: boolean }) => {
      const operator = await client();
      const { id } = await findStudy(operator, text);
      say(json, await operator.rollBack(id, reason ?? null));
    });
  models
    .command('sign-off')
    .description('vouch for a version, in your own words')
    .argument(...STUDY)
    .argument('<version>', 'from 0', version)
    .argument('<statement>')
    .option(...JSON_OPTION)
    .action(async (text: string, number: number, statement: string, { json }: { json?: boolean }) => {
      const operator = await client();
      const { id } = await findStudy(operator, text);
      const release = await operator.signOff(id, number, statement);
      console.answer(json, release, `Signed off: version ${number}`);
    });
}

interface DownloadFlags {
  out: string;
  format?: ReadonlySet<ExportFormat>;
  json?: boolean;
}

function formatOption(): Option {
  const about = `as well, for other software: ${EXPORT_FORMATS.join(' or ')}; may be given several times`;
  return new Option('--format <format>', about).argParser<ReadonlySet<ExportFormat>>((text, before) => {
    const format = EXPORT_FORMATS.find((one) => one === text);
    if (format === undefined) throw new InvalidArgumentError(`expected ${EXPORT_FORMATS.join(' or ')}.`);
    return new Set(before).add(format);
  });
}

function addDownload(models: Command, { client, console, signal }: Surroundings): void {
  models
    .command('download')
    .description('a folder with model.safetensors, study.json, card.json and signature.json')
    .argument(...STUDY)
    .argument('[version]', 'default: the one in use', version)
    .requiredOption('--out <folder>', 'a folder that does not exist yet')
    .addOption(formatOption())
    .option(...JSON_OPTION)
    .action(async (text: string, number: number | undefined, flags: DownloadFlags) => {
      const { out, json, format: formats = new Set() } = flags;
      const operator = await client();
      const study = await findStudy(operator, text);
      const wanted = number ?? (await operator.release(study.id)).released?.version;
      if (wanted === undefined)
        throw new CommandFailure('usage', `"${study.manifest.name}" has no version in use: give a version`);
      const model = (await operator.models(study.id)).find((one) => one.version === wanted);
      if (model === undefined) throw new CommandFailure('usage', `"${study.manifest.name}" has no version ${wanted}`);
      await downloadModel(operator, { study, model, folder: out, formats, signal });
      console.answer(json, { ...model, folder: out }, `Version ${wanted} is in ${out}`);
    });
}

function modelsTable(versions: readonly ModelVersion[], { released, best }: ReleaseState): string {
  const rows = versions.map(({ version: number, blob, createdAt }) => [
    String(number),
    createdAt,
    `${(blob.bytes / 1e6).toFixed(1)} MB`,
    blob.digest.slice(0, 12),
    [...marks(number, released?.version, best)].join(', '),
  ]);
  return renderTable(['version', 'made', 'size', 'digest', ''], rows);
}

function* marks(number: number, released: number | undefined, best: MeasuredModel | null): Generator<string> {
  if (number === released) yield 'in use';
  if (number === best?.version) yield `best, Dice ${best.dice.toFixed(3)}`;
}

function version(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('expected the number of a version, from 0.');
  return Number(text);
}
