import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trainerEnvironment } from '@consilium/client-node/dist/settings/trainer-environment.js';
import type { JobProgress } from '@consilium/client-node/dist/trainer/messages.js';
import { TrainerProcess } from '@consilium/client-node/dist/trainer/trainer-process.js';
import { encodeContainer, initialModel, StudyManifest } from '@consilium/shared';
import type { BenchReport } from './report.js';

type Triple = [number, number, number];

export interface TrainCase {
  folder: string;
  data: string;
  spacing: Triple;
  patch: Triple;
  width: number;
  /** Of which the first few are a warm-up: the engine's first step, and volumes that are read for the first time. */
  steps: number;
  threads: number;
}

const WARM_UP = 5;

/** A round in a trainer process of its own, as a node runs it: how long a step takes, and how long it waits for its batch. */
export async function trainedRow(one: TrainCase, dataWorkers: number): Promise<BenchReport['rows'][number]> {
  const { folder, data, spacing, patch, width, steps, threads } = one;
  const study = StudyManifest.parse({
    name: 'bench',
    spacing,
    model: { width, patch },
    rounds: { count: 1, localSteps: steps },
  });
  const job = join(folder, `train-${dataWorkers}`);
  mkdirSync(job);
  const base = join(job, 'base.safetensors');
  writeFileSync(base, encodeContainer(initialModel(study.model, 1)));
  const trainer = new TrainerProcess({
    environment: trainerEnvironment({ threads }),
    trainer: {
      threads,
      cache: join(folder, 'cache'),
      memoryMegabytes: 1024,
      cacheMegabytes: 10_000,
      dataWorkers,
      checkpointSeconds: 3600,
      inference: { overlap: 0.5, stride: null, weighting: 'uniform', batch: 1 },
      precision: 'float32',
      allowJavascriptEngine: false,
    },
    onNote: () => undefined,
  });
  const totals: { steps: number; seconds: number; waiting: number }[] = [];
  const onProgress = ({ done, metrics, dataWaitShare = 0 }: JobProgress): void => {
    const seconds = metrics!.secondsPerStep * done;
    totals.push({ steps: done, seconds, waiting: dataWaitShare * seconds });
  };
  try {
    const withheld = { minimumSupport: 0, statistics: false };
    const files = { data, base, folder: job, local: join(folder, 'local'), withheld };
    await trainer.run({ kind: 'train', study, studyDigest: 'bench', round: 1, seed: 1, ...files }, { onProgress });
  } finally {
    await trainer.close();
  }
  const [warm, all] = [totals[WARM_UP - 1], totals[totals.length - 1]];
  const seconds = all.seconds - warm.seconds;
  return {
    case: `step of ${patch.join('x')}, 2 + 2 patches, ${dataWorkers} workers`,
    ms: (1000 * seconds) / (all.steps - warm.steps),
    'waits ms': (1000 * (all.waiting - warm.waiting)) / (all.steps - warm.steps),
    'wait share': (all.waiting - warm.waiting) / seconds,
    'with warm-up': all.waiting / all.seconds,
  };
}
