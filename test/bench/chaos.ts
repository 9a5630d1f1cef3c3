import { parseArgs } from 'node:util';
import { chaos } from '../support/chaos.js';
import { embedded, postgres } from '../support/databases.js';
import { thisMachine, type BenchReport } from './report.js';

/** Fifty random kills over twenty rounds, on each database that is here, against an undisturbed run of the same study. */
export async function run(args: string[]): Promise<BenchReport> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '20' },
      kills: { type: 'string', default: '50' },
      sites: { type: 'string', default: '4' },
      seed: { type: 'string', default: '1' },
    },
  });
  const settings = { rounds: Number(values.rounds), sites: Number(values.sites), seed: Number(values.seed) };
  const rows: BenchReport['rows'] = [];
  const ratios: BenchReport['ratios'] = {};
  for (const kind of [embedded, postgres].filter(({ here }) => here)) {
    const digests: string[] = [];
    for (const kills of [0, Number(values.kills)]) {
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
