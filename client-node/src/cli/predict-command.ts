import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { chooseModel, releasedModel } from './chosen-model.js';
import { startTrainer } from './compute.js';
import { createLog, printJson, StatusLine } from './console.js';
import { withEngine, withHome, withModel } from './options.js';
import type { Session } from './session.js';
import { volumeProgress } from './volume-progress.js';

interface PredictFlags {
  out?: string;
  model?: string;
  study?: string;
  json?: boolean;
}

export function addPredictCommand(program: Command, session: Session): void {
  withModel(withEngine(withHome(program.command('predict'))))
    .description("segment images: one NIfTI label map for each, in the image's own space")
    .argument('<images...>', 'image files, or folders of them (or site folders with images/)')
    .option('--out <dir>', 'where label maps are written', 'predictions')
    .option('--json', 'print the answer as JSON')
    .action(async (inputs: string[], flags: PredictFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const status = new StatusLine(process.stderr);
      const log = createLog(settings, status);
      const images = (await Promise.all(inputs.map((input) => imagesOf(resolve(input))))).flat();
      const chosen = await chooseModel(nodeHome(settings.home), flags, () => releasedModel(settings, log));
      log.info(`segmenting ${images.length} images with ${chosen.name}`);
      const predicted = await startTrainer(settings, log, session).run(
        {
          kind: 'predict',
          study: chosen.study,
          model: chosen.path,
          images,
          folder: resolve(flags.out ?? 'predictions'),
        },
        {
          signal: session.signal,
          onProgress: volumeProgress('segmenting', status, log),
        },
      );
      status.clear();
      for (const { sentence } of predicted.failed) log.warn(`passed over: ${sentence}`);
      if (flags.json === true) printJson({ model: chosen.name, ...predicted });
      else for (const { image, prediction } of predicted.written) process.stdout.write(`${image} -> ${prediction}\n`);
      if (predicted.written.length === 0) {
        throw new NodeFailure('bad-data', 'predict: expected a readable image, got none');
      }
    });
}

const IMAGE = /\.(nii|nii\.gz|h5|hdf5)$/i;

async function imagesOf(input: string): Promise<string[]> {
  const kind = await stat(input).catch(() => undefined);
  if (kind === undefined) throw new NodeFailure('bad-data', `predict: found no image or folder ${input}`);
  if (kind.isFile()) return [input];
  const inside = join(input, 'images');
  const folder = (await stat(inside).catch(() => undefined))?.isDirectory() === true ? inside : input;
  const names = (await readdir(folder)).filter((name) => IMAGE.test(name)).sort();
  if (names.length === 0)
    throw new NodeFailure('bad-data', `predict: expected images (.nii, .nii.gz, .h5) in ${folder}, found none`);
  return names.map((name) => join(folder, name));
}
