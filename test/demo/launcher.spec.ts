import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const LAUNCHER = resolve(import.meta.dirname, '../../deploy/dist/demo/main.js');
const PORT = 18_420;

/** Two steps of a tiny network per round: what is tested is the run, not the learning. */
const STUDY = {
  model: { width: 2, prototypes: 2, patch: [16, 16, 16] },
  rounds: { localSteps: 2 },
  spacing: [3, 3, 3],
};

interface Report {
  engine: string;
  rounds: { round: number; state: string; dice: number; loss: number; bytes: number; digest: string }[];
}

class Demo {
  output = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(home: string, ...args: string[]) {
    const study = join(home, 'study.json');
    writeFileSync(study, JSON.stringify(STUDY));
    this.#child = spawn(
      process.execPath,
      [LAUNCHER, '--home', home, '--study', study, '--sites', '2', '--port', String(PORT), ...args],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CONSILIUM_NODE_ALLOW_JAVASCRIPT_ENGINE: 'true' } },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((done) => this.#child.once('exit', done));
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  async says(text: string): Promise<void> {
    await expect.poll(() => this.output, { timeout: 100_000, interval: 100 }).toContain(text);
  }
}

function readReport(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

describe('npm start', () => {
  const homes: string[] = [];
  const demos: Demo[] = [];
  let occupied: Server | undefined;

  function newHome(): string {
    const home = mkdtempSync(join(tmpdir(), 'consilium-demo-'));
    homes.push(home);
    return home;
  }

  function start(home: string, ...args: string[]): Demo {
    const demo = new Demo(home, ...args);
    demos.push(demo);
    return demo;
  }

  afterEach(async () => {
    for (const demo of demos.splice(0)) {
      demo.interrupt();
      await demo.ended;
    }
    occupied?.close();
    for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
  });

  it(
    'trains the asked rounds on the next free port, prints the table, writes the JSON and ends',
    { timeout: 180_000 },
    async () => {
      occupied = createServer().listen(PORT, '127.0.0.1');
      const home = newHome();
      const json = join(home, 'report.json');
      const demo = start(home, '--rounds', '2', '--exit', '--json', json);
      expect(await demo.ended, demo.output).toBe(0);
      expect(demo.output).not.toContain(`Dashboard: http://127.0.0.1:${PORT} `);
      expect(demo.output).toMatch(/round .* site .* Dice .* loss .* bytes .* model/);
      const report = readReport(json);
      expect(report.engine).not.toBe('unknown');
      expect(report.rounds.map((round) => [round.round, round.state])).toEqual([
        [1, 'committed'],
        [2, 'committed'],
      ]);
      for (const round of report.rounds) {
        expect(round.digest).toMatch(/^[0-9a-f]{64}$/);
        expect(round.bytes).toBeGreaterThan(1000);
        expect(Number.isFinite(round.loss)).toBe(true);
        expect(round.dice).toBeGreaterThanOrEqual(0);
      }
    },
  );

  it('goes on with the unfinished study when it is started again', { timeout: 240_000 }, async () => {
    const home = newHome();
    const json = join(home, 'report.json');
    const first = start(home, '--rounds', '3', '--json', json);
    await first.says('round 1 committed');
    first.interrupt();
    expect(await first.ended, first.output).toBe(130);
    expect(existsSync(json)).toBe(false);
    const digest = /round 1 committed.*model (\w+)/.exec(first.output)?.[1];

    const second = start(home, '--rounds', '3', '--exit', '--json', json);
    expect(await second.ended, second.output).toBe(0);
    const report = readReport(json);
    expect(report.rounds.filter((round) => round.state === 'committed')).toHaveLength(3);
    expect(report.rounds[0]?.digest.slice(0, 12)).toBe(digest);
  });

  it.each([
    [
      '--data',
      ['--data', join(tmpdir(), 'no-such-folder')],
      /expected a folder with one site folder per hospital, got .*no-such-folder/,
    ],
    ['--rounds', ['--rounds', '0'], /expected a whole number of at least 1, got 0/],
  ])('says what is wrong with %s', async (_flag, args, sentence) => {
    const demo = start(newHome(), ...args);
    expect(await demo.ended).not.toBe(0);
    expect(demo.output).toMatch(sentence);
    expect(demo.output).not.toContain('    at ');
  });
});
