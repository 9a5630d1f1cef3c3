import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'consilium-tutorial-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The commands of a page, in order. */
function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

test('the first federation of the tutorial, command by command', { timeout: 240_000 }, async () => {
  const [prepare, ...blocks] = commandsOf(readFileSync(join(ROOT, 'docs/first-federation.md'), 'utf8'));
  // Done already, by whatever runs this test.
  expect(prepare).toContain('npm ci');
  const port = String(await freePort());
  const script = ['set -euo pipefail', "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...blocks].join('\n');
  const shell = spawn(
    'bash',
    ['-c', script.replaceAll(':8400', `:${port}`).replaceAll('--port 8400', `--port ${port}`)],
    {
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
        CONSILIUM_CONFIG: join(folder, 'config'),
        CONSILIUM_NODE_PAGE_PORT: '0',
        CONSILIUM_NODE_ALLOW_JAVASCRIPT_ENGINE: 'true',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 220_000,
    },
  );
  let said = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(shell, 'close')) as [number | null];
  expect(code, said).toBe(0);
  expect(said).toContain('"First study" is finished');
  expect(said.match(/round +[12].*committed/g), said).toHaveLength(2);
});
