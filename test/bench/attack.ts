import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoginAnswer, OperatorClient } from '@consilium/shared';
import { Command } from 'commander';
import { LinkedSite } from '../support/linked-site.js';
import { peakMemory } from '../support/peak-memory.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';
import { attack } from '../transfer/attack.js';
import { thisMachine, type BenchReport } from './report.js';

/** Most requests wait for an answer that a broken one does not get: many have to be under way for the server to be busy. */
const LANES = 96;

/** A24 in full: mutated frames and requests against a server of its own; what it answered, and what it grew by. */
export async function run(args: string[]): Promise<BenchReport> {
  const { requests, seed } = new Command('attack')
    .option('--requests <n>', 'frames and requests', Number, 100_000)
    .option('--seed <n>', 'of the mutations', Number, 1)
    .parse(args, { from: 'user' })
    .opts<{ requests: number; seed: number }>();
  const home = mkdtempSync(join(tmpdir(), 'consilium-attack-'));
  const server = await ServerProcess.start(home);
  try {
    const operator = await OperatorClient.logIn(server.url, OPERATOR);
    const site = await operator.admit('odd', (code) => LinkedSite.enrol(server.url, code));
    const { token: operatorToken } = await operator.post('/login', LoginAnswer, OPERATOR);
    const onProgress = (done: number): void => {
      if (done % 5000 === 0) process.stderr.write(`${done} requests\n`);
    };
    const target = { url: server.url, site, operatorToken, lanes: LANES, onProgress };
    const warm = await attack({ ...target, seed, requests: Math.ceil(requests / 10) });
    const before = (await peakMemory(server.pid)) ?? 0;
    const { statuses, wrong } = await attack({
      ...target,
      seed: seed + 1,
      requests: Math.floor(0.9 * requests),
    });
    const after = (await peakMemory(server.pid)) ?? 0;
    site.close();
    const rows = Object.entries(statuses).map(([status, count]) => ({
      status: status === '0' ? 'none' : status,
      count,
    }));
    for (const each of [...warm.wrong, ...wrong].slice(0, 20)) process.stderr.write(`${each}\n`);
    return {
      machine: thisMachine(),
      rows,
      ratios: {
        wrong_answers: warm.wrong.length + wrong.length,
        peak_memory_growth: before === 0 ? NaN : after / before,
      },
    };
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
