import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { environmentName, resolveSettings } from './node-settings.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'consilium-settings-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const resolve = (flags: Record<string, unknown>, environment: Record<string, string> = {}) =>
  resolveSettings({ flags: { home, ...flags }, environment, workingDirectory: '/somewhere' });

test('a flag wins over the environment, that over node.json, and that over the default', () => {
  expect(resolve({}).seed).toBe(0);
  writeFileSync(join(home, 'node.json'), JSON.stringify({ seed: 1, threads: 3 }));
  expect(resolve({}).seed).toBe(1);
  expect(resolve({}, { CONSILIUM_NODE_SEED: '2' }).seed).toBe(2);
  expect(resolve({ seed: '3' }, { CONSILIUM_NODE_SEED: '2' })).toMatchObject({ seed: 3, threads: 3 });
});

test('names of environment variables follow from the settings', () => {
  expect(environmentName('allowJavascriptEngine')).toBe('CONSILIUM_NODE_ALLOW_JAVASCRIPT_ENGINE');
  expect(resolve({}, { CONSILIUM_NODE_ALLOW_JAVASCRIPT_ENGINE: 'false' }).allowJavascriptEngine).toBe(false);
});

test('training computes in float32 unless the settings say bf16', () => {
  expect(resolve({}).precision).toBe('float32');
  expect(resolve({}, { CONSILIUM_NODE_PRECISION: 'bf16' }).precision).toBe('bf16');
  expect(() => resolve({ precision: 'float16' })).toThrow(/precision/);
});

test('relative paths count from where they were written', () => {
  writeFileSync(join(home, 'node.json'), JSON.stringify({ data: 'volumes' }));
  expect(resolve({}).data).toBe(join(home, 'volumes'));
  expect(resolve({ data: 'other' }).data).toBe('/somewhere/other');
  expect(resolve({}).cache).toBe(join(home, 'cache'));
});

test('options of commands are not settings, and an unknown setting in node.json is named', () => {
  expect(() => resolve({ json: true })).not.toThrow();
  writeFileSync(join(home, 'node.json'), JSON.stringify({ tread: 2 }));
  expect(() => resolve({})).toThrow(/tread/);
});

test('a stride takes the place of an overlap, and a nearer overlap that of a farther stride', () => {
  expect(resolve({})).toMatchObject({ overlap: 0.5, weighting: 'uniform', batch: 1 });
  writeFileSync(join(home, 'node.json'), JSON.stringify({ overlap: 0.25, stride: '18x18x4' }));
  expect(resolve({}).stride).toEqual([18, 18, 4]);
  expect(resolve({ overlap: '0.75' })).toMatchObject({ overlap: 0.75 });
  expect(resolve({ overlap: '0.75' }).stride).toBeUndefined();
  expect(resolve({ stride: '8x8x8' }, { CONSILIUM_NODE_OVERLAP: '0.5' }).stride).toEqual([8, 8, 8]);
  expect(() => resolve({ stride: '8x8' })).toThrow('stride: expected three numbers of voxels such as 18x18x4');
});

test('a value that cannot be is one sentence', () => {
  expect(() => resolve({ threads: 'many' })).toThrow(/threads/);
  expect(() => resolve({ server: 'hospital' })).toThrow(/server: expected a server URL such as/);
  writeFileSync(join(home, 'node.json'), '{');
  expect(() => resolve({})).toThrow(/node\.json: expected a JSON object/);
});
