import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STATE_HOME, unitText, type Service } from './unit.js';

const ANALYZE = '/usr/bin/systemd-analyze';
const hasSystemd = (() => {
  try {
    return execFileSync(ANALYZE, ['--version']).length > 0;
  } catch {
    return false;
  }
})();

const service: Service = {
  scope: 'system',
  command: ['/opt/consilium-node/bin/consilium-node', 'run', '--home', STATE_HOME],
  home: STATE_HOME,
  writes: [],
  user: 'consilium-node',
  group: 'consilium-node',
};

describe("a systemd unit of the node's", () => {
  it('is the one that is shipped to install by hand', () => {
    const file = new URL('../../../deploy/systemd/consilium-node.service', import.meta.url);
    const shipped = readFileSync(file, 'utf8').replace(/^(#.*\n)+/, '');
    expect(shipped).toBe(unitText(service));
  });

  it('names folders as systemd reads them back, and lets the node write to its own', () => {
    const home = '/srv/a hospital/50% "node"';
    const text = unitText({
      ...service,
      command: ['/usr/bin/node', '--home', home, '$HOME'],
      home,
      writes: ['/cache'],
    });
    expect(text).toContain('ExecStart=/usr/bin/node --home "/srv/a hospital/50%% \\"node\\"" $$HOME\n');
    expect(text).toContain('ReadWritePaths="/srv/a hospital/50%% \\"node\\"" /cache\n');
    expect(text).not.toContain('StateDirectory');
    const own = unitText({ ...service, scope: 'user' });
    expect(own).toContain('WantedBy=default.target');
    expect(own).not.toMatch(/User=|Protect/);
  });

  it.skipIf(!hasSystemd)('is taken by systemd-analyze, where there is one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'consilium-unit-'));
    try {
      for (const scope of ['system', 'user'] as const) {
        const file = join(folder, `consilium-${scope}.service`);
        writeFileSync(file, unitText({ ...service, scope, user: 'root', group: 'root', command: ['/bin/true'] }));
        const analyze = (): string => execFileSync(ANALYZE, ['verify', '--man=no', file], { stdio: 'pipe' }).toString();
        expect(analyze).not.toThrow();
        expect(analyze()).toBe('');
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
