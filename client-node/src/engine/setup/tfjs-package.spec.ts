import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bareTfjsPackage, temporaryFolder } from './setup.fixture.js';
import { cacheKey, installedPackages, type TfjsPackage } from './tfjs-package.js';
import { TENSORFLOW_WHEEL } from './wheel-pin.js';

describe('cacheKey', () => {
  let folder: string;
  let tfjs: TfjsPackage;
  beforeEach(async () => {
    folder = await temporaryFolder();
    tfjs = await bareTfjsPackage(path.join(folder, 'a'), '@tensorflow/tfjs-node');
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  it('is one key for two checkouts and for both packages, so that they share one engine', async () => {
    const other = await bareTfjsPackage(path.join(folder, 'b'), '@tensorflow/tfjs-node-gpu');
    expect(cacheKey(tfjs, 'wheel', TENSORFLOW_WHEEL)).toBe(cacheKey(other, 'wheel', TENSORFLOW_WHEEL));
    expect(cacheKey(tfjs, 'stock', TENSORFLOW_WHEEL)).not.toBe(cacheKey(other, 'stock', TENSORFLOW_WHEEL));
  });

  it('changes with all that decides the bytes of the addon', async () => {
    const changedSource = await bareTfjsPackage(path.join(folder, 'c'), '@tensorflow/tfjs-node', 'int b;');
    const keys = [
      cacheKey(tfjs, 'wheel', TENSORFLOW_WHEEL),
      cacheKey(tfjs, 'stock', TENSORFLOW_WHEEL),
      cacheKey(changedSource, 'wheel', TENSORFLOW_WHEEL),
      cacheKey({ ...tfjs, version: '4.23.0' }, 'wheel', TENSORFLOW_WHEEL),
      cacheKey({ ...tfjs, addonDirectory: 'lib/napi-v9' }, 'wheel', TENSORFLOW_WHEEL),
      cacheKey(tfjs, 'wheel', { ...TENSORFLOW_WHEEL, version: '2.22.0' }),
      cacheKey(tfjs, 'wheel', { ...TENSORFLOW_WHEEL, sha256: '00' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it('reads the installed packages, the GPU package first, and where they look for their addon', () => {
  const packages = installedPackages();
  expect(packages.map(({ name }) => name)).toEqual(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']);
  expect(packages.map(({ addonFile }) => addonFile)).toEqual(Array(2).fill('lib/napi-v8/tfjs_binding.node'));
});
