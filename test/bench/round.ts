import { Command } from 'commander';
import { lightRun, median } from './light-run.js';
import { thisMachine, type BenchReport } from './report.js';

const ROUNDS = 5;

/** One whole round of four sites on loopback, without training: fetch, upload, admission, aggregate, commit. */
export async function run(args: string[]): Promise<BenchReport> {
  new Command('round').parse(args, { from: 'user' });
  const rows: BenchReport['rows'] = [];
  for (const width of [16, 32]) {
    const { modelMB, seconds, serverPeakMB } = await lightRun({ sites: 4, rounds: ROUNDS, width });
    rows.push({
      model_MB: Math.round(modelMB),
      sites: 4,
      seconds_a_round: median(seconds),
      server_peak_MB: Math.round(serverPeakMB),
    });
  }
  return { machine: thisMachine(), rows, ratios: {} };
}
