import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entriesIn } from './egress-log.fixture.js';
import { EgressLog, type Decision } from './egress-log.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-egress-log-'));
  path = join(folder, 'egress.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

const now = (): number => Date.parse('2026-01-01T00:00:00Z');
const decision = (done: number): Decision => ({
  what: 'progress',
  way: 'socket progress',
  digest: 'a'.repeat(64),
  bytes: 10,
  objection: null,
  facts: { done },
  policy: { digest: 'b'.repeat(64), isOwn: false },
});
const indices = async (): Promise<unknown[]> => (await entriesIn(path)).map(({ facts }) => facts['done']);

test('entries of two processes on one file make one chain', async () => {
  const [node, command] = [new EgressLog(path, now), new EgressLog(path, now)];
  await Promise.all([0, 1, 2, 3, 4, 5].map((i) => (i % 2 === 0 ? node : command).append(decision(i))));
  expect((await entriesIn(path)).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(await node.lastPolicy()).toEqual({ digest: 'b'.repeat(64), isOwn: false });
  expect(statSync(path).mode & 0o077).toBe(0);
});

test('a line that a killed process left half written is no entry', async () => {
  await new EgressLog(path, now).append(decision(0));
  appendFileSync(path, '{"at":"2026-01-0');
  await new EgressLog(path, now).append(decision(1));
  expect(await indices()).toEqual([0, 1]);
});

test('A16 a log that was changed names the first line that does not fit, and nothing is added to a spoilt end', async () => {
  const log = new EgressLog(path, now);
  for (let i = 0; i < 4; i++) await log.append(decision(i));
  const lines = readFileSync(path, 'utf8').split('\n');
  const without = (changed: string[]): void => writeFileSync(path, changed.join('\n'));

  without(lines.map((line, i) => (i === 1 ? line.replace('"done":1', '"done":7') : line)));
  await expect(entriesIn(path)).rejects.toThrow(/line 3 is not as it was written/);
  without(lines.filter((_, i) => i !== 1));
  await expect(entriesIn(path)).rejects.toThrow(/line 2 .*: expected entry 1, got 2/);
  without([lines[0], lines[2], lines[1], lines[3], '']);
  await expect(entriesIn(path)).rejects.toThrow(/line 2 is/);
  without(lines.map((line, i) => (i === 3 ? `${line} ` : line)));
  await expect(entriesIn(path)).rejects.toThrow(/line 4 is/);
  await expect(new EgressLog(path, now).append(decision(4))).rejects.toThrow(/nothing leaves until it is restored/);

  without(lines);
  truncateSync(path, lines[0].length + 1);
  // Of a cut tail a chain of hashes alone says nothing.
  expect(await indices()).toEqual([0]);
});
