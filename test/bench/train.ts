import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { trainerEnvironment } from '@consilium/client-node/dist/settings/trainer-environment.js';
import type { Precision } from '@consilium/client-node/dist/engine/precision.js';
import { LineProcess, measured, TUNED_MALLOC, type Measured } from './line-process.js';
import { thisMachine, type BenchReport } from './report.js';
import type { TrainMeasure, TrainRequest } from './train-once.js';
import { trainingGigaflops } from './vnet-flops.js';

type Triple = [number, number, number];
type Row = BenchReport['rows'][number];

const PEER = fileURLToPath(new URL('../../bench/peers/vnet_training.py', import.meta.url));
const ONCE = fileURLToPath(new URL('./train-once.js', import.meta.url));
const PRECISIONS: Precision[] = ['float32', 'bf16'];
/** Sides of the product that `peak` measures, as train-once.ts has it. */
const PEAK_GIGAFLOPS = (2 * 2048 ** 3) / 1e9;
const MEGABYTE = 2 ** 20;

interface Options {
  quick?: true;
  patches: string;
  batches: string;
  width: string;
  repeats: string;
  leakSteps: string;
  threads: string;
  device: TrainRequest['device'];
  python: string;
}

/**
 * Seconds of a V-Net training step against PyTorch's, step by step in turn, each in a process of its own; a whole CRLN step
 * against the V-Net passes that it is made of; and what many steps leave in memory.
 */
export async function run(args: string[]): Promise<BenchReport> {
  const given = new Command('train')
    .option('--quick', 'a small patch, few repeats')
    .option('--patches <list>', 'HxWxD', '112x112x80,64x64x32')
    .option('--batches <list>', 'patches of a step', '1,2,4')
    .option('--width <n>', "channels of the network's first stage", '16')
    .option('--repeats <n>', 'steps of each', '5')
    .option('--leak-steps <n>', 'CRLN steps in a row', '500')
    .option('--threads <n>', 'of either engine', String(availableParallelism()))
    .option('--device <name>', 'cpu or gpu, of either engine', 'cpu')
    .option('--python <command>', 'an interpreter; without PyTorch in it there is no peer', 'python3')
    .parse(args, { from: 'user' })
    .opts<Options>();
  const options = given.quick
    ? { ...given, patches: '32x32x32', batches: '1,2', repeats: '3', leakSteps: '50' }
    : given;
  const patches = options.patches.split(',').map((text) => text.split('x').map(Number) as Triple);
  const batches = options.batches.split(',').map(Number);
  const rows: Row[] = [];
  for (const precision of PRECISIONS) {
    const peak = await peakGigaflops(precision, options);
    for (const patch of patches) {
      for (const batch of batches) rows.push(await vnetRow({ patch, batch, precision }, peak, options));
    }
    for (const patch of patches) rows.push(await crlnRow({ patch, batch: 2, precision }, options));
  }
  rows.push(await leakRow(options));
  return { machine: thisMachine(), rows, ratios: ratiosOf(rows) };
}

type Case = Pick<TrainRequest, 'patch' | 'batch' | 'precision'>;

/** Best of several; null where this machine cannot run it. */
type Best = Pick<TrainMeasure, 'seconds' | 'cpuSeconds' | 'peakBytes'> | null;

async function vnetRow(one: Case, peak: number | null, options: Options): Promise<Row> {
  const peers = [false, true].map((tuned) => peer(one, tuned, options));
  const [own, plain, tuned] = await inTurn([ours('vnet', one, options), ...peers], 'step', Number(options.repeats));
  const work = trainingGigaflops(one.patch, Number(options.width)) * one.batch;
  return {
    case: `V-Net ${one.patch.join('x')}`,
    batch: one.batch,
    precision: one.precision,
    's/step': own?.seconds ?? null,
    'CPU s/step': own?.cpuSeconds ?? null,
    'GFLOP/s': own && work / own.seconds,
    'of peak': own && peak && work / own.seconds / peak,
    'peak MB': own && own.peakBytes / MEGABYTE,
    'torch s': plain?.seconds ?? null,
    'tuned s': tuned?.seconds ?? null,
    'torch MB': plain && plain.peakBytes / MEGABYTE,
    'tuned MB': tuned && tuned.peakBytes / MEGABYTE,
    'vs torch': own && plain && own.seconds / plain.seconds,
    'vs tuned': own && tuned && own.seconds / tuned.seconds,
    'CPU vs tuned': own && tuned && own.cpuSeconds / tuned.cpuSeconds,
    'MB vs torch': own && plain && own.peakBytes / plain.peakBytes,
  };
}

/** Step and passes take turns in one process: both have the same memory and the same neighbours. */
async function crlnRow(one: Case, options: Options): Promise<Row> {
  const child = ours('crln', one, options);
  try {
    if (!(await child.begin())) return { case: `CRLN ${one.patch.join('x')}`, precision: one.precision };
    let [step, passes]: [Best, Best] = [null, null];
    for (let repeat = 0; repeat < Number(options.repeats); repeat++) {
      step = better(step, await child.measure('step'));
      passes = better(passes, await child.measure('passes'));
    }
    return {
      case: `CRLN ${one.patch.join('x')}`,
      batch: 2 * one.batch,
      precision: one.precision,
      's/step': step!.seconds,
      'CPU s/step': step!.cpuSeconds,
      'peak MB': step!.peakBytes / MEGABYTE,
      'passes s': passes!.seconds,
      'vs passes': step!.seconds / passes!.seconds,
      'CPU vs passes': step!.cpuSeconds / passes!.cpuSeconds,
    };
  } finally {
    await child.end();
  }
}

/** What a long run of small steps adds after its first tenth, by when allocator and caches have settled. */
async function leakRow(options: Options): Promise<Row> {
  const steps = Number(options.leakSteps);
  const child = ours('crln', { patch: [16, 16, 16], batch: 2, precision: 'float32' }, { ...options, width: '8' });
  try {
    if (!(await child.begin())) return { case: 'leak' };
    let settled: TrainMeasure | null = null;
    let last: TrainMeasure | null = null;
    for (let step = 1; step <= steps; step++) {
      last = await child.measure('step');
      if (step === Math.ceil(steps / 10)) settled = last;
    }
    return {
      case: `${steps} CRLN steps 16x16x16`,
      batch: 4,
      precision: 'float32',
      'tensors added': last!.tensors - settled!.tensors,
      'MB added': (last!.residentBytes - settled!.residentBytes) / MEGABYTE,
      'memory vs settled': last!.residentBytes / settled!.residentBytes,
    };
  } finally {
    await child.end();
  }
}

async function peakGigaflops(precision: Precision, options: Options): Promise<number | null> {
  const child = ours('peak', { patch: [16, 16, 16], batch: 1, precision }, options);
  const [best] = await inTurn([child], 'product', 8);
  return best && PEAK_GIGAFLOPS / best.seconds;
}

/** The processes take turns, so that a busy machine is busy for all of them. */
async function inTurn(processes: Measured<TrainMeasure>[], work: string, repeats: number): Promise<Best[]> {
  try {
    const ready = await Promise.all(processes.map((process) => process.begin()));
    const best: Best[] = processes.map(() => null);
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [i, process] of processes.entries()) {
        if (ready[i]) best[i] = better(best[i], await process.measure(work));
      }
    }
    return best;
  } finally {
    await Promise.all(processes.map((process) => process.end()));
  }
}

function better(best: Best, { seconds, cpuSeconds, peakBytes }: TrainMeasure): Best {
  return {
    seconds: Math.min(best?.seconds ?? Infinity, seconds),
    cpuSeconds: Math.min(best?.cpuSeconds ?? Infinity, cpuSeconds),
    peakBytes,
  };
}

function ours(task: TrainRequest['task'], one: Case, options: Options): Measured<TrainMeasure> {
  const [width, threads] = [Number(options.width), Number(options.threads)];
  const request: TrainRequest = { task, ...one, width, threads, device: options.device };
  return measured(new LineProcess('ours', process.execPath, [ONCE], trainerEnvironment({ threads })), request, false);
}

function peer(one: Case, tuned: boolean, { python, threads, width, device }: Options): Measured<TrainMeasure> {
  const request = { ...one, tuned, threads: Number(threads), width: Number(width), device };
  const environment = { ...process.env, ...(tuned ? TUNED_MALLOC : {}) };
  return measured(new LineProcess('PyTorch', python, [PEER], environment), request, false);
}

/** Of the largest patch, its worst batch, where targets are set for it; small patches have their own. */
function ratiosOf(rows: Row[]): Record<string, number> {
  const largest = rows[0]['case'];
  const worst = (column: string, wanted: (row: Row) => boolean) =>
    Math.max(...rows.filter(wanted).flatMap((row) => (typeof row[column] === 'number' ? [row[column]] : [])));
  const vnet = (precision: Precision, isLargest: boolean) => (row: Row) =>
    row['precision'] === precision &&
    String(row['case']).startsWith('V-Net') &&
    (row['case'] === largest) === isLargest;
  const ratios = {
    f32_vs_torch_default: worst('vs torch', vnet('float32', true)),
    f32_vs_torch_tuned: worst('vs tuned', vnet('float32', true)),
    f32_small_vs_torch_tuned: worst('vs tuned', vnet('float32', false)),
    bf16_vs_torch_bf16: worst('vs tuned', vnet('bf16', true)),
    peak_memory_vs_torch_b4: worst('MB vs torch', (row) => vnet('float32', true)(row) && row['batch'] === 4),
    crln_step_vs_vnet_passes: worst('vs passes', (row) => row['precision'] === 'float32'),
    memory_vs_settled: worst('memory vs settled', () => true),
  };
  return Object.fromEntries(Object.entries(ratios).filter(([, ratio]) => Number.isFinite(ratio)));
}
