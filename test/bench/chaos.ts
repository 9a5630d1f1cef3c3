import { Command } from 'commander';
import { chaos } from '../support/chaos.js';
import { embedded, postgres } from '../support/databases.js';
import { thisMachine, type BenchReport } from './report.js';

/** Fifty random kills over twenty rounds, on each database that is here, against an undisturbed run of the same study. */
export async function run(args: string[]): Promise<BenchReport> {
  const { kills: most, ...settings } = new Command('chaos')
    .option('--rounds <n>', 'of the study', Number, 20)
    .option('--kills <n>', 'of server and sites', Number, 50)
    .option('--sites <n>', 'light nodes', Number, 4)
    .option('--seed <n>', 'of the moments', Number, 1)
    .parse(args, { from: 'user' })
    .opts<{ rounds: number; kills: number; sites: number; seed: number }>();
  const rows: BenchReport['rows'] = [];
  const ratios: BenchReport['ratios'] = {};
  for (const kind of [embedded, postgres].filter(({ here }) => here)) {
    const digests: string[] = [];
    for (const kills of [0, most]) {
      const database = await kind.start();
      const result = await chaos({ ...settings, kills, database }).finally(() => database.stop());
      digests.push(result.digest);
      rows.push({
        database: kind.name,
        rounds: settings.rounds,
        server_kills: result.serverKills,
        node_kills: result.nodeKills,
        seconds: result.seconds,
        digest: result.digest.slice(0, 12),
      });
    }
    ratios[`same_digest ${kind.name}`] = Number(digests[0] === digests[1]);
  }
  return { machine: thisMachine(), rows, ratios };
}
