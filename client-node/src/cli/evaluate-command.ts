import { resolve } from 'node:path';
import type { Command } from 'commander';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import type { Evaluated, VolumeFigures } from '../trainer/messages.js';
import { chooseModel, releasedModel } from './chosen-model.js';
import { startTrainer } from './compute.js';
import { createLog, printJson, renderTable, StatusLine } from './console.js';
import { withEngine, withHome, withModel } from './options.js';
import type { Session } from './session.js';
import { volumeProgress } from './volume-progress.js';

interface EvaluateFlags {
  model?: string;
  study?: string;
  json?: boolean;
}

export function addEvaluateCommand(program: Command, session: Session): void {
  withModel(withEngine(withHome(program.command('evaluate'))))
    .description('measure a model on labelled volumes: Dice, Jaccard, HD95 and ASD')
    .argument('<dir>', 'folder with images/ and labels/')
    .option('--json', 'print the answer as JSON')
    .action(async (directory: string, flags: EvaluateFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const status = new StatusLine(process.stderr);
      const log = createLog(settings, status);
      const chosen = await chooseModel(nodeHome(settings.home), flags, () => releasedModel(settings, log));
      log.info(`measuring ${chosen.name}`);
      const evaluated = await startTrainer(settings, log, session).run(
        { kind: 'evaluate', study: chosen.study, model: chosen.path, validation: resolve(directory) },
        {
          signal: session.signal,
          onProgress: volumeProgress('measuring', status, log),
        },
      );
      status.clear();
      if (flags.json === true) printJson({ model: chosen.name, ...evaluated });
      else process.stdout.write(`${figuresTable(evaluated)}\n`);
    });
}

function figuresTable({ volumes, mean }: Evaluated): string {
  const row = ({ name, dice, jaccard, hd95, asd }: VolumeFigures): string[] => [
    name,
    dice.toFixed(4),
    jaccard.toFixed(4),
    hd95?.toFixed(2) ?? '-',
    asd?.toFixed(2) ?? '-',
  ];
  return renderTable(
    ['volume', 'Dice', 'Jaccard', 'HD95 (mm)', 'ASD (mm)'],
    [...volumes.map(row), row({ name: 'mean', ...mean })],
  );
}
