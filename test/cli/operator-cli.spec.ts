import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATOR, SERVER_PROGRAM, ServerProcess } from '../support/server-process.js';

const PROGRAM = createRequire(import.meta.url).resolve('@consilium/cli/dist/main.js');

const folder = mkdtempSync(join(tmpdir(), 'consilium-cli-'));
let server: ServerProcess;

interface Ended {
  code: number;
  out: string;
  err: string;
}

function run(program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { ...process.env, CONSILIUM_CONFIG: join(folder, 'config'), ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env, timeout: 120_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
  });
}

const consilium = (...args: string[]): Promise<Ended> => run(PROGRAM, args);

async function answer<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await consilium(...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
}

beforeAll(async () => {
  server = await ServerProcess.start(join(folder, 'server'));
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('nobody is logged in, then somebody is, and the token is kept for them alone', async () => {
  const nobody = await consilium('study', 'list');
  expect(nobody).toMatchObject({ code: 2, out: '' });
  expect(nobody.err).toContain('consilium login URL');

  expect((await consilium('login', server.url)).err).toContain('expected a terminal, or CONSILIUM_OPERATOR_PASSWORD');
  const wrong = await run(PROGRAM, ['login', server.url], { CONSILIUM_OPERATOR_PASSWORD: 'not the password' });
  expect(wrong.code).toBe(11);
  expect((await run(PROGRAM, ['login', 'http://consilium.example.org'])).err).toContain('expected https');

  const right = await run(PROGRAM, ['login', server.url], { CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password });
  expect(right).toMatchObject({ code: 0 });
  const file = join(folder, 'config', 'log-in.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(right.out + right.err).not.toContain((JSON.parse(readFileSync(file, 'utf8')) as { token: string }).token);
});

test('people are let in, get another role, and are let in no more', async () => {
  const { password } = await answer<{ password: string }>('operators', 'add', 'mia', '--role', 'viewer');
  const folderOfMia = { CONSILIUM_CONFIG: join(folder, 'mia'), CONSILIUM_OPERATOR_PASSWORD: password };
  const mia = (...args: string[]) => run(PROGRAM, args, folderOfMia);
  expect(await mia('login', server.url, '--name', 'mia')).toMatchObject({ code: 0 });
  const forbidden = await mia('operators', 'list');
  expect([forbidden.code, forbidden.err]).toEqual([11, expect.stringContaining('needs the role auditor') as string]);
  await answer('operators', 'role', 'mia', 'auditor');
  expect((await mia('operators', 'list')).out).toMatch(/mia +auditor +no/);
  expect((await consilium('operators', 'remove', 'mia', '--confirm', 'noa')).err).toContain('expected mia, got noa');
  await answer('operators', 'remove', 'mia', '--confirm', 'mia');
  expect((await mia('operators', 'list')).code).toBe(11);
});

test('a study file is checked in every place before it becomes a study', async () => {
  const file = join(folder, 'study.yaml');
  writeFileSync(file, 'name: Left atrium\nrounds: { count: 0 }\ntrainning: {}\n');
  const wrong = await consilium('study', 'create', file, '--dry-run');
  expect(wrong.code).toBe(2);
  expect(wrong.err).toMatch(/rounds\.count: .*\n.*trainning/);

  writeFileSync(file, '# two rounds\nname: Left atrium\nrounds: { count: 2 }\n');
  const dry = await consilium('study', 'create', file, '--dry-run');
  expect(JSON.parse(dry.out)).toMatchObject({ name: 'Left atrium', rounds: { count: 2, localSteps: 100 } });
  expect(await answer('study', 'list')).toEqual([]);

  const study = await answer<{ id: string }>('study', 'create', file);
  expect((await consilium('study', 'start', 'Left atrium')).out).toContain('is running');
  expect((await consilium('study', 'pause', study.id)).out).toContain('is paused');
  expect((await consilium('study', 'resume', study.id.slice(0, 8))).out).toContain('is running');
  expect((await consilium('study', 'stop', study.id)).out).toContain('is stopped');
  expect(await consilium('study', 'start', 'Right atrium')).toMatchObject({ code: 2 });
  const schema = JSON.parse((await consilium('study', 'schema')).out) as { required: string[] };
  expect(schema.required).toEqual(['name']);
});

test('a hospital is invited, and revoked only with its name said twice', async () => {
  const { command } = await answer<{ command: string }>('sites', 'invite', 'north', '--role', 'observer');
  expect(command).toMatch(new RegExp(`^consilium-node enrol ${server.url} \\S+$`));
  expect((await consilium('sites', 'approve', 'north', 'ABCD')).err).toContain('expected a site');
});

test(
  'rounds are watched; their models are promoted, rolled back and downloaded; the log is exported and verified',
  { timeout: 180_000 },
  async () => {
    const simulation = run(SERVER_PROGRAM, ['simulate', '--server', server.url, '--sites', '2', '--rounds', '2'], {
      CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password,
    });
    await expect.poll(async () => (await consilium('study', 'list')).out, { timeout: 60_000 }).toContain('Simulation');
    const watched = await consilium('watch', 'Simulation', '--interval', '0.2');
    expect(watched.code, `${watched.err}${(await simulation).out}`).toBe(0);
    expect(watched.out).toMatch(/round 1 committed: Dice .*\nround 2 committed: .*\n"Simulation .*" is finished\n$/);
    expect((await simulation).code).toBe(0);

    expect((await consilium('models', 'download', 'Simulation', '--out', join(folder, 'none'))).code).toBe(2);
    for (const version of ['1', '2']) {
      const promoted = await consilium('models', 'promote', 'Simulation', version, '--accept-unmeasured');
      expect(promoted.out, promoted.err).toContain(`version ${version}`);
    }
    expect((await consilium('models', 'rollback', 'Simulation', '--reason', 'a test')).out).toContain('version 1');
    expect((await consilium('models', 'list', 'Simulation')).out).toMatch(/^1 .* in use/m);

    const out = join(folder, 'model');
    const formats = ['--format', 'onnx', '--format', 'saved-model'];
    const download = ['models', 'download', 'Simulation', ...formats, '--out', out];
    const { blob } = await answer<{ blob: { digest: string } }>(...download);
    const digest = createHash('sha256')
      .update(readFileSync(join(out, 'model.safetensors')))
      .digest('hex');
    expect(digest).toBe(blob.digest);
    expect(JSON.parse(readFileSync(join(out, 'study.json'), 'utf8'))).toMatchObject({ model: { width: 2 } });
    expect(readFileSync(join(out, 'model.onnx'), 'latin1')).toContain(`consilium.model\x12@${digest}`);
    const savedModel = join(out, 'saved-model');
    expect(readFileSync(join(savedModel, 'saved_model.pb'), 'latin1')).toContain('serving_default');
    expect(readFileSync(join(savedModel, 'consilium.json'), 'utf8')).toContain(digest);
    expect((await consilium('models', 'download', 'Simulation', '--out', out)).code).toBe(2);

    const log = join(folder, 'log.jsonl');
    expect((await consilium('audit', 'export', '--out', log)).code).toBe(0);
    const verdict = await answer<{ outcome: string; counts: { rounds: number } }>('audit', 'verify', log);
    expect(verdict).toMatchObject({ outcome: 'verified', counts: { rounds: 2 } });
    writeFileSync(log, readFileSync(log, 'utf8').replace('"a test"', '"a lie!"'));
    expect((await consilium('audit', 'verify', log)).code).toBe(3);
  },
);

test('a server that is away is said so', async () => {
  const address = 'http://127.0.0.1:1';
  const away = await run(PROGRAM, ['login', address], { CONSILIUM_OPERATOR_PASSWORD: 'any' });
  expect(away.code).toBe(10);
  expect(away.err).toContain(address);
});
