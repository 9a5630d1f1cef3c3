import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { augmentLabelled, prepareUnlabelled, withPseudoLabels } from '@consilium/client-node/dist/crln/augmentation.js';
import { DataFeed } from '@consilium/client-node/dist/trainer/data-feed.js';
import { loadCase, openSite, writePhantomSite, type Site } from '@consilium/client-node/dist/volumes/index.js';
import { Random } from '@consilium/shared';
import { trainedRow } from './data-train.js';
import { LineProcess } from './line-process.js';
import { thisMachine, type BenchReport } from './report.js';

type Triple = [number, number, number];
type Row = BenchReport['rows'][number];

const PEER = fileURLToPath(new URL('../../bench/peers/data_preparation.py', import.meta.url));
const PATCHES: Triple[] = [
  [64, 64, 32],
  [112, 112, 80],
];
const SPACING: Triple = [1.25, 1.25, 1.25];
const VOLUMES = 4;

interface Options {
  data: string;
  site: string;
  steps: number;
  width: number;
  workers: string;
  threads: number;
  repeats: number;
  python: string;
}

interface Seconds {
  seconds: number;
  cpuSeconds: number;
}

/** What feeds a training step: volumes, augmentation, whole batches, and how long real steps wait for them. */
export async function run(args: string[]): Promise<BenchReport> {
  const options = new Command('data')
    .option('--data <dir>', 'one site folder per hospital; phantoms where it is missing', '../shared/data/left-atrium')
    .option('--site <name>', 'of the data', 'north')
    .option('--steps <n>', 'of training, and of batches', Number, 30)
    .option('--width <n>', 'of the model that trains; 0 leaves training out', Number, 16)
    .option('--workers <list>', 'threads that prepare batches', '0,1,2')
    .option('--threads <n>', 'of the engine', Number, availableParallelism())
    .option('--repeats <n>', 'of each augmentation', Number, 10)
    .option('--python <command>', 'an interpreter; without numpy and scipy in it there is no peer', 'python3')
    .parse(args, { from: 'user' })
    .opts<Options>();
  const folder = mkdtempSync(join(tmpdir(), 'consilium-bench-'));
  const peer = await startPeer(options.python);
  try {
    const data = await siteFolder(options, folder);
    const site = await openSite(data, { spacing: SPACING });
    const rows = [...(await volumeRows(site, folder, peer)), ...(await augmentationRows(options.repeats, peer))];
    const workers = options.workers.split(',').map(Number);
    for (const count of workers) rows.push(await batchRow(site, folder, count, options.steps));
    for (const count of options.width > 0 ? workers : []) {
      const { steps, width, threads } = options;
      rows.push(await trainedRow({ folder, data, spacing: SPACING, patch: PATCHES[0], width, steps, threads }, count));
    }
    return { machine: thisMachine(), rows, ratios: ratiosOf(rows) };
  } finally {
    await peer?.end();
    rmSync(folder, { recursive: true });
  }
}

async function startPeer(python: string): Promise<LineProcess | null> {
  const peer = new LineProcess('the peer', python, [PEER], { ...process.env, OMP_NUM_THREADS: '1' });
  const ready = await peer.ask('{"what": "ready"}').catch(() => null);
  if (ready !== null) return peer;
  await peer.end();
  return null;
}

async function siteFolder({ data, site }: Options, folder: string): Promise<string> {
  const path = resolve(data, site);
  if (existsSync(join(path, 'images'))) return path;
  const phantoms = join(folder, 'phantoms');
  const shape: Triple = [200, 160, 96];
  await writePhantomSite(phantoms, { site, seed: 1, labelled: 2, unlabelled: 4, shape, spacing: [0.625, 0.625, 0.8] });
  return phantoms;
}

async function timed(work: () => unknown): Promise<Seconds> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function mean(values: readonly Seconds[]): Seconds {
  const of = (key: keyof Seconds) => values.reduce((sum, value) => sum + value[key], 0) / values.length;
  return { seconds: of('seconds'), cpuSeconds: of('cpuSeconds') };
}

function row(what: string, own: Seconds, theirs: Seconds | null): Row {
  return {
    case: what,
    ms: 1000 * own.seconds,
    'CPU ms': 1000 * own.cpuSeconds,
    'peer ms': theirs === null ? null : 1000 * theirs.seconds,
    'vs peer': theirs === null ? null : own.seconds / theirs.seconds,
    'CPU vs peer': theirs === null ? null : own.cpuSeconds / theirs.cpuSeconds,
  };
}

/** Each volume by us, by us again from the disk cache, and by the peer. The first is a warm-up. */
async function volumeRows({ labelled, unlabelled }: Site, folder: string, peer: LineProcess | null): Promise<Row[]> {
  const times = { cold: [] as Seconds[], cached: [] as Seconds[], peer: [] as Seconds[] };
  for (const { name, image } of [...labelled, ...unlabelled].slice(0, VOLUMES + 1)) {
    const entry = { name, image, label: null };
    const cache = join(folder, 'volumes');
    times.cold.push(await timed(() => loadCase(entry, SPACING)));
    await loadCase(entry, SPACING, cache);
    times.cached.push(await timed(() => loadCase(entry, SPACING, cache)));
    if (peer !== null && /\.nii(\.gz)?$/.test(image)) {
      times.peer.push(await peer.ask<Seconds>(JSON.stringify({ what: 'volume', path: image, spacing: SPACING })));
    }
  }
  const theirs = times.peer.length > 1 ? mean(times.peer.slice(1)) : null;
  return [
    row('volume read and resampled', mean(times.cold.slice(1)), theirs),
    row('volume from the disk cache', mean(times.cached.slice(1)), theirs),
  ];
}

async function augmentationRows(repeats: number, peer: LineProcess | null): Promise<Row[]> {
  const rows: Row[] = [];
  for (const patch of PATCHES) {
    const shape = [2, ...patch] as const;
    const random = Random.from(1);
    const values = 2 * patch[0] * patch[1] * patch[2];
    const image = Float32Array.from({ length: values }, () => random.uniform());
    const label = new Int32Array(values);
    const confidence = new Float32Array(values).fill(1);
    const strong = () => withPseudoLabels(prepareUnlabelled({ image, shape }, random), { label, confidence });
    const plain = () => augmentLabelled({ image, label, shape }, random);
    const own = { strong: await fastest(strong, repeats), labelled: await fastest(plain, repeats) };
    const theirs = await peer?.ask<Record<keyof typeof own, [number, number]>>(
      JSON.stringify({ what: 'augment', shape: patch, repeats }),
    );
    for (const view of ['strong', 'labelled'] as const) {
      const [seconds, cpuSeconds] = theirs?.[view] ?? [NaN, NaN];
      const name = `${view} view of a ${patch.join('x')} patch`;
      rows.push(row(name, own[view], theirs === undefined ? null : { seconds, cpuSeconds }));
    }
  }
  return rows;
}

/** Per patch, of batches of two. */
async function fastest(work: () => unknown, repeats: number): Promise<Seconds> {
  const best = { seconds: Infinity, cpuSeconds: Infinity };
  for (let repeat = 0; repeat < repeats + 2; repeat++) {
    const { seconds, cpuSeconds } = await timed(work);
    best.seconds = Math.min(best.seconds, seconds / 2);
    best.cpuSeconds = Math.min(best.cpuSeconds, cpuSeconds / 2);
  }
  return best;
}

/** Batches one after the other with nothing trained on them, once all volumes are in memory. */
async function batchRow({ labelled, unlabelled }: Site, folder: string, workers: number, steps: number): Promise<Row> {
  const data = new DataFeed(workers, 2 ** 30);
  const warmUp = Math.ceil(Math.max(labelled.length, unlabelled.length) / 2) * Math.max(1, workers);
  const source = data.open({
    feed: {
      labelled,
      unlabelled,
      spacing: SPACING,
      patch: PATCHES[0],
      classes: 2,
      labelledPerStep: 2,
      unlabelledPerStep: 2,
      seed: 1,
      cacheDir: join(folder, 'volumes'),
    },
    steps: warmUp + steps,
    onLeftOut: ({ sentence }) => {
      throw new Error(`bench: ${sentence}`);
    },
  });
  for (let step = 0; step < warmUp; step++) await source.at(step);
  const { seconds, cpuSeconds } = await timed(async () => {
    for (let step = warmUp; step < warmUp + steps; step++) await source.at(step);
  });
  await data.close();
  return {
    case: `batch of ${PATCHES[0].join('x')}, 2 + 2 patches, ${workers} workers`,
    ms: (1000 * seconds) / steps,
    'CPU ms': (1000 * cpuSeconds) / steps,
    'patches/s': (4 * steps) / seconds,
  };
}

function ratiosOf(rows: readonly Row[]): Record<string, number> {
  const find = (start: string, column: string) => rows.find((row) => String(row['case']).startsWith(start))?.[column];
  const wait = rows.find((row) => /^step .* 1 workers$/.test(String(row['case'])))?.['wait share'];
  const ratios = {
    data_wait_share: wait,
    resample_vs_scipy: find('volume read', 'CPU vs peer'),
    cached_vs_scipy: find('volume from', 'CPU vs peer'),
    strong_view_vs_scipy: find('strong view of a 112', 'CPU vs peer'),
    labelled_view_vs_scipy: find('labelled view of a 112', 'CPU vs peer'),
  };
  return Object.fromEntries(
    Object.entries(ratios).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}
