import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestOfJson } from '@consilium/shared';
import type { Command } from 'commander';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess, type NodeSettings } from '../settings/node-settings.js';
import type { Attack, JobProgress, RiskProbed } from '../trainer/messages.js';
import type { Trainer } from '../trainer/trainer-process.js';
import { chooseModel, releasedModel, type ChosenModel } from './chosen-model.js';
import { startTrainer } from './compute.js';
import { createLog, printJson, renderTable, StatusLine, StatusLog } from './console.js';
import { withEngine, withHome, withModel } from './options.js';
import type { Session } from './session.js';
import { systemClock } from '../agent/clock.js';
import { bar } from './status-text.js';

interface RiskFlags {
  data?: string;
  iterations: string;
  out?: string;
  model?: string;
  study?: string;
  json?: boolean;
}

/** By how much a recovered image must be more like the patch than one from a gradient that does not know it. */
const BEYOND_CHANCE = 0.1;

export function addRiskCommand(program: Command, session: Session): void {
  withModel(withEngine(withHome(program.command('risk'))))
    .description('attack an update of this site as a server could, and say what of a patch was recovered')
    .option('--data <dir>', "the site's folder: images/ and labels/")
    .option('--seed <n>', 'seed of all random choices (default 0)')
    .option('--iterations <n>', 'of each of the three attacks', '300')
    .option('--out <dir>', 'keep the patch and what was recovered of it, as NIfTI; they never leave this machine')
    .option('--json', 'print the answer as JSON')
    .action(async (flags: RiskFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const { data } = settings;
      if (data === undefined) throw new NodeFailure('usage', "--data: expected the site's folder, got none");
      const status = new StatusLine(process.stderr);
      const log = createLog(settings, status);
      const lines = new StatusLog(log, () => systemClock.now());
      const show = (what: string) => (progress: JobProgress) => {
        const { done, total } = progress;
        if (process.stderr.isTTY) status.show(`${what} ${bar(done, total)} ${done} of ${total}`);
        else lines.show(`${what} ${done} of ${total}`);
      };
      const chosen = await chooseModel(nodeHome(settings.home), flags, () => releasedModel(settings, log));
      log.info(`making an update from ${chosen.name}, and attacking it`);
      const probed = await probe({
        settings,
        data,
        chosen,
        iterations: wholeNumber(flags.iterations),
        images: flags.out === undefined ? null : resolve(flags.out),
        trainer: startTrainer(settings, log, session),
        signal: session.signal,
        show,
      });
      status.clear();
      const verdict = verdictOn(probed.attacks);
      if (flags.json === true) printJson({ model: chosen.name, ...probed, ...verdict });
      else process.stdout.write(`${attacksTable(probed.attacks)}\n\n${verdict.sentence}\n`);
    });
}

interface Probe {
  settings: NodeSettings;
  data: string;
  chosen: ChosenModel;
  iterations: number;
  images: string | null;
  trainer: Trainer;
  signal: AbortSignal;
  show: (what: string) => (progress: JobProgress) => void;
}

/** Trains as a round would, from the model at hand, into a folder that is gone afterwards. */
async function probe(options: Probe): Promise<RiskProbed> {
  const { settings, data, chosen, iterations, images, trainer, signal, show } = options;
  const { study, path: base } = chosen;
  const { seed } = settings;
  await mkdir(settings.home, { recursive: true });
  const folder = await mkdtemp(join(settings.home, 'risk-'));
  try {
    const withheld = { minimumSupport: 0, statistics: false };
    const local = join(folder, 'local');
    const round = { study, studyDigest: digestOfJson(study), round: 1, seed, data, base, folder, local, withheld };
    await trainer.run({ kind: 'train', ...round }, { signal, onProgress: show('training, step') });
    const update = join(folder, 'update.safetensors');
    return await trainer.run(
      { kind: 'risk', study, data, base, update, seed, iterations, folder: images },
      { signal, onProgress: show('attacking, iteration') },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const NAMES: Record<Attack['gradient'], string> = {
  'one-step': 'one step on this patch (never sent)',
  update: "this site's update",
  'other-patch': 'one step on another patch (chance)',
};

function attacksTable(attacks: readonly Attack[]): string {
  const rows = attacks.map(({ gradient, cosine, likeness }) => [
    NAMES[gradient],
    cosine.toFixed(3),
    likeness.toFixed(3),
  ]);
  return renderTable(['attacked', 'gradient explained (cosine)', 'likeness to the patch (correlation)'], rows);
}

/** `recovered` is null where the probe is too weak to tell. */
export function verdictOn(attacks: readonly Attack[]): { recovered: boolean | null; sentence: string } {
  const [oneStep, update, other] = (['one-step', 'update', 'other-patch'] as const).map(
    (gradient) => attacks.find((attack) => attack.gradient === gradient)!.likeness,
  );
  const beyond = (likeness: number): boolean => likeness > other + BEYOND_CHANCE;
  if (beyond(update)) {
    return {
      recovered: true,
      sentence:
        "This site's update reveals something of the patch that an update without it would not: do not share it as it is.",
    };
  }
  if (!beyond(oneStep)) {
    return {
      recovered: null,
      sentence:
        'Nothing was recovered, but not even from one step on the patch itself: this probe is too weak for this model to say anything.',
    };
  }
  return {
    recovered: false,
    sentence:
      "One step on the patch gives it away in part; from this site's update the probe recovered nothing beyond chance. A stronger attack may recover more.",
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value;
  throw new NodeFailure('usage', `--iterations: expected a whole number of 1 to 100000, got ${text}`);
}
