import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { renderBench, type BenchReport } from './report.js';

const BENCHES: Record<string, { summary: string; load: () => Promise<{ run(args: string[]): Promise<BenchReport> }> }> =
  {
    aggregate: { summary: 'fold updates into a model, against numpy', load: () => import('./aggregate.js') },
    data: {
      summary: 'volumes, augmentation, batches, and how long a step waits for them',
      load: () => import('./data.js'),
    },
    infer: {
      summary: 'sliding-window inference against PyTorch, and the memory of a whole CT',
      load: () => import('./infer.js'),
    },
    train: {
      summary: 'training steps against PyTorch, and a CRLN step against its V-Net passes',
      load: () => import('./train.js'),
    },
    encodings: { summary: 'bytes and time of each encoding of an update', load: () => import('./encodings.js') },
    log: { summary: 'proofs from a log of a million entries, and appends to it', load: () => import('./log.js') },
    attack: { summary: 'mutated frames and requests against a server', load: () => import('./attack.js') },
    chaos: { summary: 'fifty random kills of server and nodes over twenty rounds', load: () => import('./chaos.js') },
    round: { summary: 'a round of four sites without training', load: () => import('./round.js') },
    scale: { summary: 'two hundred light sites, a hundred rounds', load: () => import('./scale.js') },
    screens: {
      summary: 'how soon a long study and an event are on the screen, with seventy sites',
      load: () => import('./screens.js'),
    },
    federation: {
      summary: 'four sites of real volumes, federated against pooled (about two hours)',
      load: () => import('./federation.js'),
    },
  };

const program = new Command('npm run bench --')
  .description('Measures Consilium; each bench prints a table.')
  .option('--json <file>', 'also write {machine, rows, ratios}');
for (const [name, bench] of Object.entries(BENCHES)) {
  program
    .command(name)
    .description(bench.summary)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(async (_options: unknown, command: Command) => {
      const module = await bench.load();
      const report = await module.run(command.args);
      process.stdout.write(`${renderBench(report)}\n`);
      const { json } = program.opts<{ json?: string }>();
      if (json !== undefined)
        writeFileSync(resolve(process.env['INIT_CWD'] ?? '.', json), `${JSON.stringify(report, null, 2)}\n`);
    });
}
await program.parseAsync();
