import { Command } from 'commander';
import { lightRun, median } from './light-run.js';
import { thisMachine, type BenchReport } from './report.js';

/** Two hundred light nodes and a model of about 1 MB; memory_growth compares the last tenth of the run with the second. */
export async function run(args: string[]): Promise<BenchReport> {
  const given = new Command('scale')
    .option('--sites <n>', 'light nodes', Number, 200)
    .option('--rounds <n>', 'of the study', Number, 100)
    .parse(args, { from: 'user' })
    .opts<{ sites: number; rounds: number }>();
  const settings = { ...given, width: 3 };
  const { modelMB, memoryMB, controlMs, wallSeconds } = await lightRun(settings);
  const tenth = Math.max(1, Math.floor(memoryMB.length / 10));
  const early = median(memoryMB.slice(tenth, 2 * tenth));
  const late = median(memoryMB.slice(-tenth));
  const row = {
    sites: settings.sites,
    rounds: settings.rounds,
    model_MB: modelMB,
    rounds_a_minute: (60 * settings.rounds) / wallSeconds,
    control_p95_ms: controlMs[Math.floor(controlMs.length * 0.95)],
    server_early_MB: Math.round(early),
    server_late_MB: Math.round(late),
  };
  return { machine: thisMachine(), rows: [row], ratios: { memory_growth: late / early } };
}
