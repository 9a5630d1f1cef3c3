import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ContainerError, decodeContainer } from '@consilium/shared';
import { EXPORT_FORMATS, exportedModel, type ExportFormat } from '@consilium/shared/formats';
import { Option, type Command } from 'commander';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { writeWholeFile, writeWholeFolder } from '../settings/whole-file.js';
import { chooseModel, releasedModel, type ChosenModel } from './chosen-model.js';
import { createLog, printJson, StatusLine } from './console.js';
import { withHome, withModel } from './options.js';

interface ExportFlags {
  format: ExportFormat;
  out: string;
  model?: string;
  study?: string;
  json?: boolean;
}

export function addExportCommand(program: Command): void {
  withModel(withHome(program.command('export')))
    .description('a model as a file or folder that other software runs: class probabilities of windows of the volume')
    .addOption(
      new Option('--format <format>', 'ONNX, or a SavedModel of TensorFlow').choices(EXPORT_FORMATS).default('onnx'),
    )
    .requiredOption(
      '-o, --out <path>',
      'where the ONNX file is written, or the SavedModel, a folder that does not exist yet',
    )
    .option('--json', 'print the answer as JSON')
    .action(async (flags: ExportFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const log = createLog(settings, new StatusLine(process.stderr));
      const chosen = await chooseModel(nodeHome(settings.home), flags, () => releasedModel(settings, log));
      const out = resolve(flags.out);
      if (out === chosen.path) throw new NodeFailure('usage', `--out: ${out} is the model itself`);
      const written = await write(chosen, flags.format, out);
      if (flags.json === true) printJson({ model: chosen.name, format: flags.format, out, ...written });
      else process.stdout.write(`${chosen.name} -> ${out}\n`);
    });
}

async function write({ path, study }: ChosenModel, format: ExportFormat, out: string) {
  const container = await readFile(path);
  const digest = createHash('sha256').update(container).digest('hex');
  try {
    const exported = exportedModel(format, study, decodeContainer(container).tensors, digest);
    if ('file' in exported) await writeWholeFile(out, exported.file);
    else await writeWholeFolder(out, exported.folder);
    const pieces = 'file' in exported ? exported.file : [...exported.folder.values()].flat();
    return { digest, bytes: pieces.reduce((total, { length }) => total + length, 0) };
  } catch (error) {
    if (error instanceof ContainerError) throw new NodeFailure('usage', `model ${path}: ${error.message}`);
    throw error;
  }
}
