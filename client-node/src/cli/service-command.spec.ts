import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, expect, test, vi } from 'vitest';
import { addServiceCommands } from './service-command.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-service-'));
afterAll(() => rmSync(folder, { recursive: true }));
const home = join(folder, 'home');
const data = join(folder, 'data');
mkdirSync(home);

async function print(...args: string[]): Promise<string> {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const program = new Command().exitOverride();
    addServiceCommands(program);
    await program.parseAsync(['service', 'install', '--print', '--home', home, ...args], { from: 'user' });
    return written.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    written.mockRestore();
  }
}

test('a unit is made for an enrolled node with a folder, and not as root', async () => {
  await expect(print()).rejects.toThrow('expected --data DIR');
  await expect(print('--data', data)).rejects.toThrow('expected an enrolled node');
  writeFileSync(join(home, 'site.key'), '');
  if (process.getuid?.() === 0) {
    await expect(print('--data', data)).rejects.toThrow("got root's");
    chownSync(join(home, 'site.key'), 10_002, 10_002);
    expect(await print('--data', data)).toContain('User=10002\nGroup=10002\n');
  }
  const text = await print('--data', data, '--cache', join(folder, 'cache'));
  expect(text).toMatch(/^ExecStart=\S+ \S+ run --home \S+\/home --data \S+\/data --cache \S+\/cache$/m);
});
