import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@consilium/shared';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { drawPhantom, scannerLook } from './phantom.js';
import { storedAs, writePhantomSite } from './phantom-site.js';
import { loadCase, openSite } from './site.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-phantom-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = { site: 'north', seed: 3, labelled: 2, unlabelled: 1, validation: 1, shape: [40, 36, 32] as const };

/** vitest's own comparison of large arrays takes seconds. */
function sameValues(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a.length === b.length && Array.prototype.every.call(a, (value, index) => value === b[index]);
}

async function digests(directory: string): Promise<string[]> {
  const files = (await readdir(directory, { recursive: true })).filter((file) => file.endsWith('.gz')).sort();
  return Promise.all(
    files.map(
      async (file) =>
        `${file} ${createHash('sha256')
          .update(await readFile(join(directory, file)))
          .digest('hex')}`,
    ),
  );
}

it('the same options give the same bytes, another site other patients', async () => {
  expect(await writePhantomSite(join(folder, 'a'), options)).toEqual([
    'north-001',
    'north-002',
    'north-003',
    'north-004',
  ]);
  await writePhantomSite(join(folder, 'b'), options);
  await writePhantomSite(join(folder, 'c'), { ...options, site: 'south' });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => digests(join(folder, name))));
  expect(a.length).toBe(7);
  expect(a).toEqual(b);
  expect(a.filter((line) => c.includes(line))).toEqual([]);
});

it('every class is there, brighter than the tissue around it', async () => {
  await writePhantomSite(folder, { ...options, labelled: 3, classes: 4 });
  const site = await openSite(folder, { classes: 4, spacing: [1, 1, 1] });
  expect(site.check).toMatchObject({ labelled: 3, unlabelled: 1, validation: 1, leftOut: 0 });
  for (const entry of [...site.labelled, ...site.validation]) {
    const { image, label } = await loadCase(entry, [1, 1, 1]);
    const sums = [0, 0, 0, 0];
    const counts = [0, 0, 0, 0];
    label!.forEach((value, index) => {
      sums[value] += image[index];
      counts[value] += 1;
    });
    const means = sums.map((sum, value) => sum / counts[value]);
    expect(counts.slice(1).every((count) => count > 80)).toBe(true);
    expect(means.slice(1).every((mean) => mean > 1.2 * means[0])).toBe(true);
  }
});

it('how a volume is stored changes nothing of what is loaded, but for the order of the file', async () => {
  await writePhantomSite(join(folder, 'a'), { ...options, spacing: [1, 2, 3] });
  await writePhantomSite(join(folder, 'b'), { ...options, spacing: [1, 2, 3], orientations: ['LPS', 'IRP'] });
  const [a, b] = await Promise.all(['a', 'b'].map((name) => openSite(join(folder, name), { spacing: [1, 2, 3] })));
  for (const index of [0, 1]) {
    const [one, other] = await Promise.all([a, b].map((site) => loadCase(site.labelled[index], [1, 2, 3])));
    expect(sameValues(other.image, one.image)).toBe(true);
    expect(sameValues(other.label!, one.label!)).toBe(true);
    expect(other.native.affine).not.toEqual(one.native.affine);
  }
});

it('a volume of 64 x 64 x 48 is drawn quickly', () => {
  const draw = (seed: number) => drawPhantom([64, 64, 48], 2, scannerLook(Random.from(seed)), Random.from(seed));
  draw(1);
  const start = performance.now();
  for (let seed = 0; seed < 5; seed++) draw(seed);
  // About 30 ms each, with room for a busy machine.
  expect((performance.now() - start) / 5).toBeLessThan(800);
});

it('refuses an orientation that is none', () => {
  expect(() => storedAs([1, 1, 1], [1, 1, 1], 'RRS')).toThrow(/expected three axes/);
  expect(() => storedAs([1, 1, 1], [1, 1, 1], 'XAS')).toThrow(/expected letters/);
});
