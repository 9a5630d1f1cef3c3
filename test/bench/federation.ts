import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { thisMachine, type BenchReport } from './report.js';

const LAUNCHER = resolve(import.meta.dirname, '../../../deploy/dist/demo/main.js');
const MEMORY_POLL_MS = 2000;

interface DemoReport {
  seconds: number;
  rounds: { dice: number | null; sites: { site: string; dice: number | null; hd95: number | null }[] }[];
}

interface Options {
  data: string;
  home: string;
  steps: string;
  rounds: string;
}

/**
 * The same volumes, steps and seed twice: as a federation of the data's own sites, and pooled in one site that holds all of
 * them, trained in one round without interruption. Both are measured on the data's test/ volumes, which nobody trains on.
 */
export async function run(args: string[]): Promise<BenchReport> {
  const options = new Command('federation')
    .option('--data <dir>', 'one site folder per hospital, and test/', '../shared/data/left-atrium')
    .option('--home <dir>', 'where the runs keep their state', '.consilium/bench/federation')
    .option('--steps <n>', 'training steps of a site in all', '800')
    .option('--rounds <n>', 'rounds of the federated run', '8')
    .parse(args, { from: 'user' })
    .opts<Options>();
  const data = resolve(options.data);
  const rounds = Number(options.rounds);
  const steps = Number(options.steps);
  const federated = await measure('federated', data, options.home, { count: rounds, localSteps: steps / rounds });
  const pooled = await measure('pooled', poolSites(data, join(options.home, 'pool')), options.home, {
    count: 1,
    localSteps: steps,
  });
  return {
    machine: thisMachine(),
    rows: [federated, pooled],
    ratios: { dice_vs_pooled: (federated['dice'] as number) / (pooled['dice'] as number) },
  };
}

async function measure(
  name: string,
  data: string,
  home: string,
  rounds: { count: number; localSteps: number },
): Promise<BenchReport['rows'][number]> {
  const directory = resolve(home, name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const study = join(directory, 'study.json');
  const json = join(directory, 'report.json');
  writeFileSync(study, JSON.stringify({ rounds }));
  const child = spawn(
    process.execPath,
    [LAUNCHER, '--data', data, '--study', study, '--home', directory, '--json', json, '--exit'],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, trainerPeakBytes(child.pid!))), MEMORY_POLL_MS);
  const code = await new Promise<number | null>((done) => child.once('exit', done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${name}: the run ended with exit code ${code}`);
  const report = JSON.parse(readFileSync(json, 'utf8')) as DemoReport;
  const last = report.rounds.at(-1);
  return {
    run: name,
    rounds: rounds.count,
    steps_per_round: rounds.localSteps,
    dice: last?.dice ?? null,
    hd95_mm: last?.sites.find((site) => site.site === 'test')?.hd95 ?? null,
    dice_by_round: report.rounds.map((round) => round.dice?.toFixed(3) ?? '–').join(' '),
    minutes: report.seconds / 60,
    trainer_peak_MB: Math.round(peak / 1e6),
  };
}

/** A site folder named `pooled` with links to every site's volumes, beside the same test/. */
function poolSites(data: string, directory: string): string {
  const pool = resolve(directory);
  rmSync(pool, { recursive: true, force: true });
  const sites = readdirSync(data, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== 'test',
  );
  for (const kind of ['images', 'labels']) {
    mkdirSync(join(pool, 'pooled', kind), { recursive: true });
    for (const site of sites) {
      const folder = join(data, site.name, kind);
      for (const file of listFiles(folder)) symlinkSync(join(folder, file), join(pool, 'pooled', kind, file));
    }
  }
  symlinkSync(join(data, 'test'), join(pool, 'test'));
  return pool;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The largest resident memory that any trainer below `ancestor` has had, in bytes (Linux; 0 elsewhere). */
function trainerPeakBytes(ancestor: number): number {
  const parents = new Map<number, number>();
  for (const name of listFiles('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)));
  const descends = (pid: number): boolean => pid === ancestor || (pid > 1 && descends(parents.get(pid) ?? 0));
  const peaks = [...parents.keys()].filter(
    (pid) => descends(pid) && readProc(pid, 'cmdline').includes('trainer/main.js'),
  );
  return Math.max(0, ...peaks.map((pid) => Number(/VmHWM:\s+(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0) * 1024));
}

function parentOf(pid: number): number {
  return Number(/PPid:\s+(\d+)/.exec(readProc(pid, 'status'))?.[1] ?? 0);
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
