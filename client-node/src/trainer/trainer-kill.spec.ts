import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeContainer, initialModel, StudyManifest } from '@consilium/shared';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trainerEnvironment } from '../settings/trainer-environment.js';
import { writePhantomSite } from '../volumes/index.js';
import type { JobProgress, TrainedUpdate, TrainerOptions, TrainJob } from './messages.js';
import { TrainerProcess } from './trainer-process.js';

const STEPS = 12;
const study = StudyManifest.parse({
  name: 'kill',
  spacing: [1, 1, 1],
  model: { width: 2, prototypes: 2, patch: [16, 16, 16] },
  training: { cpsAnchors: 8, cpsNegatives: 8, warmUpSteps: 4 },
  rounds: { count: 1, localSteps: STEPS },
});
const built = (name: string): string => join(import.meta.dirname, '../../dist/trainer', name);

let folder: string;
let running: TrainerProcess[];
let expected: TrainedUpdate;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-kill-'));
  running = [];
  await writePhantomSite(join(folder, 'data'), {
    site: 'north',
    seed: 1,
    labelled: 2,
    unlabelled: 3,
    shape: [24, 20, 18],
  });
  writeFileSync(join(folder, 'base'), encodeContainer(initialModel(study.model, 5)));
  expected = await trainer({ dataWorkers: 0 }).run(jobIn('whole'));
}, 240_000);
afterAll(async () => {
  await Promise.all(running.map((one) => one.close()));
  rmSync(folder, { recursive: true, force: true });
});

function jobIn(name: string): TrainJob {
  mkdirSync(join(folder, name), { recursive: true });
  const files = {
    data: join(folder, 'data'),
    base: join(folder, 'base'),
    folder: join(folder, name),
    local: join(folder, name, 'local'),
    withheld: { minimumSupport: 0, statistics: false },
  };
  return { kind: 'train', study, studyDigest: 'kill', round: 1, seed: 3, ...files };
}

/** Writes a checkpoint after every step, so that no step but the one under way may be lost. */
function optionsWith({ dataWorkers }: { dataWorkers: number }): TrainerOptions {
  return {
    threads: 1,
    cache: join(folder, 'cache'),
    memoryMegabytes: 100,
    cacheMegabytes: 100,
    dataWorkers,
    checkpointSeconds: 0,
    inference: { overlap: 0.5, stride: null, weighting: 'uniform', batch: 1 },
    precision: 'float32',
    allowJavascriptEngine: true,
  };
}

function trainer(options: { dataWorkers: number; entry?: string; onNote?: (sentence: string) => void }) {
  const one = new TrainerProcess({
    environment: trainerEnvironment({ threads: 1 }),
    trainer: optionsWith(options),
    onNote: (_, sentence) => options.onNote?.(sentence),
    entry: options.entry ?? built('main.js'),
  });
  running.push(one);
  return one;
}

test('A27 a trainer process killed in the middle of training goes on from its checkpoint to the same bytes', async () => {
  const entry = join(folder, 'child.mjs');
  const pids = join(folder, 'pids');
  writeFileSync(
    entry,
    `import { appendFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');
     await import(${JSON.stringify(pathToFileURL(built('main.js')).href)});`,
  );
  const notes: string[] = [];
  let reached = 0;
  const onProgress = ({ done }: JobProgress): void => {
    if (done < 5 || reached > 0) return;
    reached = done;
    process.kill(Number(readFileSync(pids, 'utf8')), 'SIGKILL');
  };
  const options = { dataWorkers: 2, entry, onNote: (sentence: string) => notes.push(sentence) };
  const update = await trainer(options).run(jobIn('trainer'), { onProgress });
  expect(notes).toContainEqual(expect.stringContaining('the trainer process ended (SIGKILL); it is started again'));
  expect(update.resumedFrom).toBeGreaterThanOrEqual(reached - 1);
  expect(update.blob).toEqual(expected.blob);
  expect(update.metrics.loss).toBe(expected.metrics.loss);
}, 120_000);

test('A27 a node killed in the middle of training, trainer and all, goes on from its checkpoint to the same bytes', async () => {
  const entry = join(folder, 'node.mjs');
  const job = jobIn('node');
  const options = { environment: trainerEnvironment({ threads: 1 }), trainer: optionsWith({ dataWorkers: 0 }) };
  writeFileSync(
    entry,
    `import { TrainerProcess } from ${JSON.stringify(pathToFileURL(built('trainer-process.js')).href)};
     const trainer = new TrainerProcess({ ...${JSON.stringify(options)}, onNote: () => undefined });
     await trainer.run(${JSON.stringify(job)}, { onProgress: ({ done }) => process.send(done) });`,
  );
  const node = fork(entry, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const reached = await killedAfter(node, 6);
  const update = await trainer({ dataWorkers: 1 }).run(job);
  expect(update.resumedFrom).toBeGreaterThanOrEqual(reached - 1);
  expect(update.resumedFrom).toBeLessThan(STEPS);
  expect(update.blob).toEqual(expected.blob);
}, 120_000);

/** The last step that the node told of before it was gone. */
async function killedAfter(node: ChildProcess, steps: number): Promise<number> {
  let reached = 0;
  node.on('message', (done: number) => {
    reached = done;
    if (done >= steps) node.kill('SIGKILL');
  });
  await once(node, 'exit');
  return reached;
}
