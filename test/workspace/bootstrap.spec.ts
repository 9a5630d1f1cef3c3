import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * The bootstrap runs in a checkout of stand-ins: an npm that installs two scripts, a build tool that writes the programs,
 * and programs that say that they ran. Each appends a line to `said`.
 */
const bootstrap = fileURLToPath(new URL('../../deploy/bootstrap.mjs', import.meta.url));

const say = (line: string): string => `require('fs').appendFileSync('said', ${line} + '\\n');`;
const npm = `${say(`'npm ' + process.argv.slice(2).join(' ')`)}
const fs = require('fs');
fs.rmSync('node_modules', { recursive: true, force: true });
fs.mkdirSync('node_modules/nx', { recursive: true });
fs.mkdirSync('node_modules/vitest', { recursive: true });
if (fs.existsSync('hang')) setInterval(() => {}, 1000);
else if (fs.existsSync('no-network')) { console.error('npm error code ENOTFOUND'); process.exitCode = 1; }
else {
  for (const name of ['nx', 'vitest']) {
    fs.writeFileSync('node_modules/' + name + '/package.json', JSON.stringify({ bin: { [name]: 'run.js' } }));
    fs.copyFileSync(name + '.stub', 'node_modules/' + name + '/run.js');
  }
}`;
const nx = `${say(`'build'`)}
const fs = require('fs');
if (fs.existsSync('broken')) { console.error('a.ts(1,1): error'); process.exit(1); }
for (const [file, text] of Object.entries(JSON.parse(fs.readFileSync('programs.json', 'utf8')))) {
  fs.mkdirSync(require('path').dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}`;
const demo = `process.on('SIGTERM', () => { ${say(`'demo ends'`)} process.exit(7); });
${say(`'demo ' + process.argv.slice(2).join(' ')`)}
if (process.argv[2] === '--wait') setInterval(() => {}, 1000); else process.exitCode = Number(process.argv[3] ?? 0);`;

describe('bootstrap', () => {
  let checkout: string;
  let running: ChildProcess[];

  beforeEach(() => {
    running = [];
    checkout = fs.mkdtempSync(path.join(os.tmpdir(), 'consilium-bootstrap-'));
    fs.mkdirSync(path.join(checkout, 'deploy/src'), { recursive: true });
    fs.mkdirSync(path.join(checkout, 'client-node'));
    fs.copyFileSync(bootstrap, path.join(checkout, 'deploy/bootstrap.mjs'));
    write('package.json', JSON.stringify({ engines: { node: '>=20.19 <25' }, workspaces: ['client-node', 'deploy'] }));
    write('package-lock.json', JSON.stringify({ packages: { 'node_modules/nx': { version: '1.0.0' } } }));
    write('deploy/src/main.ts', 'first');
    write('npm-stub.js', npm);
    write('nx.stub', nx);
    write('vitest.stub', say(`'vitest ' + process.argv.slice(2).join(' ')`));
    const programs = { 'client-node/dist/engine/setup/main.js': say(`'engine'`), 'deploy/dist/demo/main.js': demo };
    write('programs.json', JSON.stringify(programs));
  });
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
    fs.rmSync(checkout, { recursive: true });
  });

  const write = (file: string, text: string): void => {
    fs.writeFileSync(path.join(checkout, file), text);
  };

  /** What the stand-ins said since the last call. */
  function said(): string[] {
    const file = path.join(checkout, 'said');
    const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
    fs.rmSync(file, { force: true });
    return lines;
  }

  function start(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; output: string }> } {
    const child = spawn(process.execPath, ['deploy/bootstrap.mjs', ...args], {
      cwd: checkout,
      env: { PATH: process.env['PATH'], npm_execpath: path.join(checkout, 'npm-stub.js') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.push(child);
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, output }))) };
  }

  const file = (name: string): string => path.join(checkout, name);
  const install = 'npm ci --no-audit --no-fund --loglevel=error';

  it('installs, builds, sets up the engine and runs; the second time it only runs', async () => {
    expect((await start('demo', '--exit', '3').ended).code).toBe(3);
    expect(said()).toEqual([install, 'build', 'engine', 'demo --exit 3']);
    expect((await start('demo').ended).code).toBe(0);
    expect(said()).toEqual(['engine', 'demo']);
    await start('test', 'shared').ended;
    expect(said()).toEqual(['engine', 'vitest run shared']);
  });

  it('builds when a source changed or the output is gone, installs when the lockfile changed', async () => {
    await start('demo').ended;
    said();
    write('deploy/src/main.ts', 'second version');
    await start('demo').ended;
    expect(said()).toEqual(['build', 'engine', 'demo']);
    fs.rmSync(file('deploy/dist'), { recursive: true });
    await start('demo').ended;
    expect(said()).toEqual(['build', 'engine', 'demo']);
    write('package-lock.json', JSON.stringify({ packages: { 'node_modules/nx': { version: '2.0.0' } } }));
    await start('demo').ended;
    expect(said()).toEqual([install, 'build', 'engine', 'demo']);
  });

  it('accepts what npm ci installed by hand', async () => {
    await start('demo').ended;
    said();
    fs.rmSync(file('node_modules/.consilium-lock'));
    write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/nx': { version: '1.0.0' } } }));
    await start('demo').ended;
    expect(said()).toEqual(['engine', 'demo']);
  });

  it('installs again after an interrupted installation', async () => {
    write('hang', '');
    const { child, ended } = start('demo');
    await expect.poll(() => fs.existsSync(file('node_modules/vitest')), { timeout: 10_000 }).toBe(true);
    child.kill('SIGTERM');
    const { code, output } = await ended;
    expect(code).toBe(143);
    expect(output).toContain('interrupted; the next start goes on from here.');
    fs.rmSync(file('hang'));
    said();
    expect((await start('demo').ended).code).toBe(0);
    expect(said()[0]).toBe(install);
  });

  it('passes a signal on, and the exit code back', async () => {
    const { child, ended } = start('demo', '--wait');
    await expect
      .poll(() => fs.existsSync(file('said')) && fs.readFileSync(file('said'), 'utf8'), { timeout: 10_000 })
      .toContain('demo --wait');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(7);
    expect(said().at(-1)).toBe('demo ends');
  });

  it('says in one sentence that the network is missing, that the build failed, or what it expects', async () => {
    write('no-network', '');
    const offline = await start('demo').ended;
    expect(offline.code).toBe(1);
    expect(offline.output).toContain('npm cannot reach its registry');
    fs.rmSync(file('no-network'));
    write('broken', '');
    const broken = await start('demo').ended;
    expect(broken).toMatchObject({ code: 1, output: expect.stringContaining('a.ts(1,1): error') as string });
    expect(await start('dance').ended).toMatchObject({
      code: 2,
      output: 'consilium: expected demo, test, bench, bundle, got dance.\n',
    });
  });

  it('names the Node version that it needs', async () => {
    write('package.json', JSON.stringify({ engines: { node: '>=98.1 <99' }, workspaces: [] }));
    const { code, output } = await start('demo').ended;
    expect(code).toBe(2);
    expect(output).toMatch(/Node >=98\.1 <99 is needed and this is Node \d+/);
  });
});
