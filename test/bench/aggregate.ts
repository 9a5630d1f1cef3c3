import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AggregationSettings,
  layOutContainer,
  ModelSettings,
  modelTensors,
  Random,
  type RuleSettings,
} from '@consilium/shared';
import { Command } from 'commander';
import type { AggregateMeasure, AggregateRequest } from './aggregate-once.js';
import { thisMachine, type BenchReport } from './report.js';

/** V-Net widths by the megabytes of their model: the published network, and wider ones. */
const WIDTHS = new Map([
  [38, 16],
  [151, 32],
  [492, 57],
]);
const FULL = [...WIDTHS.keys()].flatMap((megabytes) => [4, 10, 32].map((count) => `${count}x${megabytes}`));
const REPEATS = 3;

/** Weighted float64 mean of float32 arrays that are already in memory, without an allocation in the loop. */
const NUMPY = `
import sys, time
import numpy as np
count, values, repeats = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
updates = [rng.random(values, dtype=np.float32) for _ in range(count)]
total, term = np.zeros(values), np.zeros(values)
best = float('inf')
for _ in range(repeats):
    start = time.perf_counter()
    total.fill(0)
    for i, update in enumerate(updates):
        np.multiply(update, 1000.0 + i, out=term, dtype=np.float64)
        total += term
    total /= sum(1000.0 + i for i in range(count))
    result = total.astype(np.float32)
    best = min(best, time.perf_counter() - start)
print(best)
`;

/**
 * Aggregates `updates` files of a model in the server's own way: read, folded, hashed and written. Against numpy's mean of arrays
 * that are in memory already. `--full`: 4, 10 and 32 updates of every size.
 */
export async function run(args: string[]): Promise<BenchReport> {
  const given = new Command('aggregate')
    .option('--cases <list>', 'updates x MB', '4x38,10x38,32x38')
    .option('--full', 'up to 32 updates of 492 MB')
    .option('--rule <name>', 'of aggregation', 'fedavg')
    .option('--directory <dir>', 'where updates lie meanwhile', tmpdir())
    .parse(args, { from: 'user' })
    .opts<{ cases: string; full?: true; rule: string; directory: string }>();
  const rows: BenchReport['rows'] = [];
  const { rule } = AggregationSettings.parse({ rule: { name: given.rule } });
  for (const text of given.full ? FULL : given.cases.split(',')) {
    const [count, megabytes] = text.split('x');
    const width = WIDTHS.get(Number(megabytes));
    if (!Number(count) || width === undefined) {
      const sizes = [...WIDTHS.keys()].join(', ');
      throw new Error(`bench: expected cases such as 10x38, of ${sizes} MB, got ${text}`);
    }
    rows.push(await measureCase({ count: Number(count), width, rule }, given.directory));
  }
  const worst = (column: string) => Math.max(...rows.map((row) => Number(row[column] ?? NaN)));
  const ratios = { peak_over_model: worst('peak/model'), time_vs_numpy: worst('vs numpy') };
  return {
    machine: thisMachine(),
    rows,
    ratios: Object.fromEntries(Object.entries(ratios).filter(([, ratio]) => !Number.isNaN(ratio))),
  };
}

interface Case {
  count: number;
  width: number;
  rule: RuleSettings;
}

async function measureCase({ count, width, rule }: Case, directory: string): Promise<BenchReport['rows'][number]> {
  const folder = mkdtempSync(join(directory, 'consilium-bench-'));
  try {
    const layout = layOutContainer(
      modelTensors(ModelSettings.parse({ width })).map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
    );
    const paths = Array.from({ length: count + 1 }, (_, i) => join(folder, `${i}.safetensors`));
    const random = Random.from(width, 'bench');
    for (const path of paths) writeModel(path, layout, random);
    const [base, ...updates] = paths as [string, ...string[]];
    const request = { width, rule, base, updates, output: join(folder, 'output'), repeats: REPEATS };
    const ours = await inOwnProcess(request);
    if (new Set(ours.digests).size !== 1) throw new Error('bench: another order of updates gave another digest');
    const numpy = numpySeconds(count, (layout.totalBytes - layout.dataOffset) / 4);
    return {
      rule: rule.name,
      updates: count,
      'model MB': layout.totalBytes / 1e6,
      seconds: ours.seconds,
      'GB/s': (count * layout.totalBytes) / 1e9 / ours.seconds,
      'check GB/s': layout.totalBytes / 1e9 / ours.checkSeconds,
      'idle MB': ours.idleBytes / 1e6,
      'peak MB': ours.peakBytes / 1e6,
      'peak/model': (ours.peakBytes - ours.idleBytes) / layout.totalBytes,
      'numpy s': numpy,
      'vs numpy': numpy === null ? null : ours.seconds / numpy,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Values from 0 to 1, other ones at every place of every file. */
function writeModel(path: string, layout: ReturnType<typeof layOutContainer>, random: Random): void {
  const block = Float32Array.from({ length: (1 << 20) + random.below(1000) }, () => random.uniform());
  const bytes = new Uint8Array(block.buffer);
  const file = openSync(path, 'wx');
  writeSync(file, layout.headerBytes);
  for (let left = layout.totalBytes - layout.dataOffset; left > 0; left -= bytes.length) {
    writeSync(file, bytes, 0, Math.min(left, bytes.length));
  }
  closeSync(file);
}

async function inOwnProcess(request: AggregateRequest): Promise<AggregateMeasure> {
  const child = fork(new URL('./aggregate-once.js', import.meta.url));
  child.send(request);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`bench: the measured process ended with code ${String(code)} before its result`);
  });
  const [measure] = (await Promise.race([once(child, 'message'), ended])) as [AggregateMeasure];
  ended.catch(() => undefined);
  return measure;
}

/** Null where python3 has no numpy, or memory does not hold the updates. */
function numpySeconds(count: number, values: number): number | null {
  const python = spawnSync('python3', ['-c', NUMPY, String(count), String(values), String(REPEATS)], {
    encoding: 'utf8',
  });
  return python.status === 0 ? Number(python.stdout) : null;
}
