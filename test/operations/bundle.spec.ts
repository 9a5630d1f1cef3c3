import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const exec = promisify(execFile);
const BUNDLE = resolve(import.meta.dirname, '../../deploy/dist/bundle/main.js');

describe("the server's bundle, unpacked where nothing else is", { timeout: 120_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'consilium-bundled-'));
  let folder: string;
  let server: ChildProcess | undefined;
  beforeAll(async () => {
    await exec(process.execPath, [BUNDLE, '--role', 'server', '--out', root]);
    const archive = readdirSync(root).find((name) => name.endsWith('.tar.gz'))!;
    await exec('sha256sum', ['--check', `${archive}.sha256`], { cwd: root });
    await exec('tar', ['-xzf', archive], { cwd: root });
    folder = join(root, archive.replace('.tar.gz', ''));
  }, 120_000);
  afterAll(() => {
    server?.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });

  /** No Node, no checkout, nobody's settings. */
  const environment = { PATH: '/usr/bin:/bin', CONSILIUM_OPERATOR_PASSWORD: 'a-password-for-tests' };

  it('serves, with its dashboard, by the command line of its systemd unit', async () => {
    const unit = readFileSync(join(folder, 'consilium-server.service'), 'utf8');
    const command = /^ExecStart=(.+)$/m.exec(unit)![1].replace('/opt/consilium-server', folder);
    const [program, ...args] = command.replace('/var/lib/consilium-server', join(root, 'home')).split(' ');
    server = spawn(program, [...args, '--port', '0'], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let url: string | undefined;
    for await (const line of createInterface({ input: server.stdout! })) {
      url = /dashboard at (http\S+)/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    expect(await (await fetch(`${url!}/api/v1/health`)).json()).toMatchObject({ status: 'ok' });
    expect(await (await fetch(url!)).text()).toContain('<title>Consilium</title>');
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
  });

  it('has the other commands of an operator', async () => {
    for (const command of ['consilium', 'consilium-verify']) {
      const { stdout } = await exec(join(folder, 'bin', command), ['--help'], { env: environment });
      expect(stdout).toContain(`Usage: ${command}`);
    }
  });
});
