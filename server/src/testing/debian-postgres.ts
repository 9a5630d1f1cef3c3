import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const BINARIES = '/usr/lib/postgresql/15/bin';

/** Whether Debian's package is there, and this process may run it: Postgres refuses to run as root. */
export const hasDebianPostgres =
  existsSync(join(BINARIES, 'postgres')) && (process.getuid?.() !== 0 || existsSync('/usr/sbin/runuser'));

export interface DebianPostgres {
  url: string;
  stop(): Promise<void>;
}

/** An own cluster on a free port, without fsync, removed by `stop`. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'consilium-postgres-'));
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  const port = await freePort();
  await promisify(execFile)(...asPostgres('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync']));
  const settings = ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`];
  const [command, args] = asPostgres('postgres', ['-D', data, '-p', String(port), ...settings]);
  const child = spawn(command, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    await promisify(execFile)(...asPostgres('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']));
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await ready(port);
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop };
}

function asPostgres(program: string, args: string[]): [string, string[]] {
  const path = join(BINARIES, program);
  return process.getuid?.() === 0 ? ['/usr/sbin/runuser', ['-u', 'postgres', '--', path, ...args]] : [path, args];
}

async function ready(port: number): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      await promisify(execFile)(join(BINARIES, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]);
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      if (typeof address !== 'object' || address === null) {
        reject(new Error('expected a port'));
        return;
      }
      probe.close(() => resolve(address.port));
    });
  });
}
