import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { trainerEnvironment } from '@consilium/client-node/dist/settings/trainer-environment.js';
import { encodeContainer, float32Tensor, initialModel, ModelSettings, Random } from '@consilium/shared';
import { measureCt } from './infer-ct.js';
import type { InferMeasure, InferRequest } from './infer-once.js';
import { LineProcess, measured, TUNED_MALLOC, type Measured } from './line-process.js';
import { thisMachine, type BenchReport } from './report.js';

type Triple = [number, number, number];

const PEER = fileURLToPath(new URL('../../bench/peers/crln_inference.py', import.meta.url));
const ONCE = fileURLToPath(new URL('./infer-once.js', import.meta.url));

interface Options {
  patch: Triple;
  volume: Triple;
  width: number;
  repeats: number;
  batches: string;
  threads: number;
  python: string;
  ct: Triple;
  ctWidths: string;
}

interface Case {
  folder: string;
  model: string;
  image: string;
  settings: ModelSettings;
  shape: Triple;
  stride: Triple;
  windows: number;
}

/**
 * Sliding-window inference: windows a second against PyTorch's, volume by volume in turn; memory of streamed and of whole
 * probabilities; and `consilium-node predict` on a CT.
 */
export async function run(args: string[]): Promise<BenchReport> {
  const options = new Command('infer')
    .option('--patch <HxWxD>', 'of the model', triple, [112, 112, 80])
    .option('--volume <HxWxD>', 'that is segmented with half overlap', triple, [168, 168, 120])
    .option('--width <n>', 'of the model', Number, 16)
    .option('--batches <list>', 'windows that go together', '1,2,4')
    .option('--repeats <n>', 'volumes of each', Number, 2)
    .option('--threads <n>', 'of either engine', Number, availableParallelism())
    .option('--python <command>', 'an interpreter; without PyTorch in it there is no peer', 'python3')
    .option('--ct <HxWxD>', 'volume that is segmented through the command line', triple, [512, 512, 300])
    .option('--ct-widths <list>', 'of the models that do; empty leaves it out', '4,16')
    .parse(args, { from: 'user' })
    .opts<Options>();
  const folder = mkdtempSync(join(tmpdir(), 'consilium-bench-'));
  try {
    const timed = caseOf(folder, options.width, options.patch, options.volume, 2);
    const rows: BenchReport['rows'] = [];
    for (const batch of numbers(options.batches)) rows.push(await timedRow(timed, batch, options));
    rows.push(...(await memoryRows(caseOf(folder, 4, options.patch, [256, 256, 160], 8), options)));
    for (const width of numbers(options.ctWidths)) {
      const model = modelFile(folder, width, options.patch, 2);
      rows.push(await measureCt(folder, options.ct, { path: model.model, settings: model.settings }));
    }
    return { machine: thisMachine(), rows, ratios: ratiosOf(rows) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A batch's processes take turns, so that a busy machine is busy for all of them. */
async function timedRow(one: Case, batch: number, options: Options): Promise<BenchReport['rows'][number]> {
  const processes = [
    ours(one, batch, options, false),
    peer(one, batch, options, false),
    peer(one, batch, options, true),
  ];
  try {
    const ready = await Promise.all(processes.map((process) => process.begin()));
    const best = ready.map(() => ({ seconds: Infinity, cpuSeconds: Infinity, peakBytes: NaN }));
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      for (const [i, process] of processes.entries()) {
        if (!ready[i]) continue;
        const { seconds, cpuSeconds, peakBytes } = await process.measure();
        best[i] = {
          seconds: Math.min(best[i].seconds, seconds),
          cpuSeconds: Math.min(best[i].cpuSeconds, cpuSeconds),
          peakBytes,
        };
      }
    }
    const [own, plain, tuned] = best;
    const of = (i: number, value: number) => (ready[i] ? value : null);
    return {
      case: `batch ${batch}`,
      windows: one.windows,
      's/volume': own.seconds,
      'windows/s': one.windows / own.seconds,
      'peak MB': own.peakBytes / 2 ** 20,
      'torch s': of(1, plain.seconds),
      'vs torch': of(1, own.seconds / plain.seconds),
      'CPU vs torch': of(1, own.cpuSeconds / plain.cpuSeconds),
      'vs tuned': of(2, own.seconds / tuned.seconds),
      'CPU vs tuned': of(2, own.cpuSeconds / tuned.cpuSeconds),
      'torch MB': of(1, plain.peakBytes / 2 ** 20),
      'tuned MB': of(2, tuned.peakBytes / 2 ** 20),
      'largest difference': ready[1] ? await difference(one, processes[0], processes[1]) : null,
    };
  } finally {
    await Promise.all(processes.map((process) => process.end()));
  }
}

async function memoryRows(one: Case, options: Options): Promise<BenchReport['rows']> {
  const rows: BenchReport['rows'] = [];
  for (const whole of [false, true]) {
    const process = ours({ ...one, stride: one.settings.patch }, 1, options, whole);
    await process.begin();
    const { seconds, peakBytes } = await process.measure();
    await process.end();
    const how = whole ? 'whole' : 'streamed';
    rows.push({
      case: `${how} ${one.shape.join('x')}, ${one.settings.classes} classes`,
      's/volume': seconds,
      'peak MB': peakBytes / 2 ** 20,
    });
  }
  return rows;
}

function ours(one: Case, batch: number, { threads }: Options, whole: boolean): Measured<InferMeasure> {
  const { model, settings, image, shape, stride } = one;
  const request: InferRequest = { model, settings, image, shape, stride, batch, threads, whole };
  return measured(new LineProcess('ours', process.execPath, [ONCE], trainerEnvironment({ threads })), request, true);
}

function peer(one: Case, batch: number, { threads, python }: Options, tuned: boolean): Measured<InferMeasure> {
  const { model, image, shape, stride } = one;
  const { patch, classes, width } = one.settings;
  const request = { model, image, shape, stride, batch, threads, patch, classes, width, tuned };
  const environment = { ...process.env, ...(tuned ? TUNED_MALLOC : {}) };
  return measured(new LineProcess('PyTorch', python, [PEER], environment), request, false);
}

/** Of probabilities: both ran the same network on the same windows, or the comparison says nothing. */
async function difference(one: Case, ours: Measured<InferMeasure>, theirs: Measured<InferMeasure>): Promise<number> {
  const files = ['ours.raw', 'theirs.raw'].map((name) => join(one.folder, name)) as [string, string];
  await ours.measure(files[0]);
  await theirs.measure(files[1]);
  const [a, b] = files.map((file) => new Float32Array(readFileSync(file).buffer)) as [Float32Array, Float32Array];
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

function caseOf(folder: string, width: number, patch: Triple, shape: Triple, classes: number): Case {
  const random = Random.from(1, 'bench image');
  const image = join(folder, `image-${shape.join('x')}.raw`);
  writeFileSync(
    image,
    Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.uniform()),
  );
  const stride = patch.map((side) => side / 2) as Triple;
  const along = (axis: number) => Math.ceil(Math.max(0, shape[axis] - patch[axis]) / stride[axis]) + 1;
  return {
    ...modelFile(folder, width, patch, classes),
    folder,
    image,
    shape,
    stride,
    windows: along(0) * along(1) * along(2),
  };
}

/** A model as it is drawn at a study's start, but with prototypes that are not zero: they take part. */
function modelFile(folder: string, width: number, patch: Triple, classes: number) {
  const settings = ModelSettings.parse({ width, patch, classes });
  const tensors = initialModel(settings, 1);
  const prototypes = tensors.get('prototypes')!;
  const random = Random.from(1, 'bench prototypes');
  const values = Float32Array.from({ length: prototypes.data.length }, () => random.normal());
  tensors.set('prototypes', float32Tensor(prototypes.shape, values));
  const model = join(folder, `model-${width}-${classes}.safetensors`);
  writeFileSync(model, encodeContainer(tensors));
  return { model, settings };
}

function ratiosOf(rows: BenchReport['rows']): Record<string, number> {
  const ratios: Record<string, number> = {};
  const take = (name: string, value: number | string | null | undefined) => {
    if (typeof value === 'number' && !Number.isNaN(value)) ratios[name] = value;
  };
  for (const row of rows) {
    const batch = /^batch (\d+)$/.exec(String(row['case']))?.[1];
    if (batch === undefined) continue;
    take(`time_vs_torch_default_b${batch}`, row['vs torch']);
    take(`time_vs_torch_tuned_b${batch}`, row['vs tuned']);
    take(`peak_memory_vs_torch_b${batch}`, Number(row['peak MB']) / Number(row['torch MB'] ?? NaN));
  }
  const peak = (start: string) => Number(rows.find((row) => String(row['case']).startsWith(start))?.['peak MB'] ?? NaN);
  take('streamed_vs_whole_memory', peak('streamed') / peak('whole'));
  take(
    'ct_peak_of_4_gb',
    Math.max(...rows.map((row) => Number(row['of 4 GB'] ?? NaN)).filter((x) => !Number.isNaN(x))),
  );
  return ratios;
}

function triple(text: string): Triple {
  const sides = text.split('x').map(Number);
  if (sides.length !== 3 || !sides.every((side) => Number.isInteger(side) && side > 0)) {
    throw new InvalidArgumentError('expected three numbers such as 112x112x80');
  }
  return sides as Triple;
}

function numbers(list: string): number[] {
  return list.split(',').filter(Boolean).map(Number);
}
