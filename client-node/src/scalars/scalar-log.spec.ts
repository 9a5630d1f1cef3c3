import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { crc32c, masked } from './event-records.js';
import { ScalarLog } from './scalar-log.js';

const STUDY = 'ab'.repeat(32);
let folder: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-scalars-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const log = (maximumBytes: number, now = 1_700_000_000_000): ScalarLog =>
  new ScalarLog({ folder, maximumBytes, now: () => now, warn: (sentence) => warnings.push(sentence) });

const files = (): string[] => readdirSync(join(folder, 'abababababab')).sort();

/** Lengths of the records of a file, each with both checksums right. */
function records(name: string): number[] {
  const bytes = readFileSync(join(folder, 'abababababab', name));
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(crc32c(bytes.subarray(at, at + 8))));
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(crc32c(bytes.subarray(at + 12, at + 12 + length))));
    lengths.push(length);
    at += length + 16;
  }
  return lengths;
}

test('writes a file for each process, whole records, finite figures only', () => {
  const first = log(1e6);
  first.write(STUDY, 1, { loss: 0.5 });
  first.write(STUDY, 2, { loss: 0.25, dice: NaN });
  log(1e6, 1_700_000_001_000).write(STUDY, 3, { loss: 0.1 });
  expect(files()).toHaveLength(2);
  expect(records(files()[0])).toEqual([24, 26, 26]);
  expect(records(files()[1])).toEqual([24, 26]);
});

test('keeps the newest figures of a study within its room', () => {
  const bounded = log(8000);
  for (let step = 0; step < 1000; step++) bounded.write(STUDY, step, { loss: step });
  expect(files()).toHaveLength(4);
  const bytes = files().reduce((sum, name) => sum + statSync(join(folder, 'abababababab', name)).size, 0);
  expect(bytes).toBeLessThanOrEqual(8000);
  expect(bytes).toBeGreaterThan(6000);
  expect(files()[0]).not.toContain('.0000.');
});

test('writes nothing where there is no room, and says once what it cannot write', () => {
  log(0).write(STUDY, 1, { loss: 1 });
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'abababababab'), 'in the way');
  const broken = log(1e6);
  broken.write(STUDY, 1, { loss: 1 });
  broken.write(STUDY, 2, { loss: 1 });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/TensorBoard/);
});
