import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ContainerError, decodeContainer } from '@consilium/shared';
import { onnxModel } from '@consilium/shared/formats';
import { Option, type Command } from 'commander';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { writeWholeFile } from '../settings/whole-file.js';
import { chooseModel, releasedModel, type ChosenModel } from './chosen-model.js';
import { createLog, printJson, StatusLine } from './console.js';
import { withHome, withModel } from './options.js';

interface ExportFlags {
  out: string;
  model?: string;
  study?: string;
  json?: boolean;
}

export function addExportCommand(program: Command): void {
  withModel(withHome(program.command('export')))
    .description('a model as a file that other software runs: class probabilities of one window of the volume')
    .addOption(new Option('--format <format>', 'of the file').choices(['onnx']).default('onnx'))
    .requiredOption('-o, --out <file>', 'where it is written')
    .option('--json', 'print the answer as JSON')
    .action(async (flags: ExportFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const log = createLog(settings, new StatusLine(process.stderr));
      const chosen = await chooseModel(nodeHome(settings.home), flags, () => releasedModel(settings, log));
      const file = resolve(flags.out);
      if (file === chosen.path) throw new NodeFailure('usage', `--out: ${file} is the model itself`);
      const written = await writeOnnx(chosen, file);
      if (flags.json === true) printJson({ model: chosen.name, format: 'onnx', file, ...written });
      else process.stdout.write(`${chosen.name} -> ${file}\n`);
    });
}

async function writeOnnx({ path, study }: ChosenModel, file: string): Promise<{ digest: string; bytes: number }> {
  const container = await readFile(path);
  const digest = createHash('sha256').update(container).digest('hex');
  try {
    const pieces = onnxModel(study, decodeContainer(container).tensors, digest).pieces();
    await writeWholeFile(file, pieces);
    return { digest, bytes: pieces.reduce((total, { length }) => total + length, 0) };
  } catch (error) {
    if (error instanceof ContainerError) throw new NodeFailure('usage', `model ${path}: ${error.message}`);
    throw error;
  }
}
