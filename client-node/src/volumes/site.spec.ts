import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { boundCaseCache } from './case-cache.js';
import { dataCheckTable } from './data-check-table.js';
import { rawNifti } from './nifti-file.fixture.js';
import { encodeNifti, writeNifti } from './nifti-writer.js';
import { storedAs, writePhantomSite } from './phantom-site.js';
import { checkSite, loadCase, openSite } from './site.js';
import type { Triple } from './volume.js';

const SHAPE: Triple = [12, 10, 8];
const study = { classes: 2, spacing: [1, 1, 1] as Triple, patch: [16, 16, 16] as Triple };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-site-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const good = { site: 'north', seed: 1, labelled: 2, unlabelled: 1, validation: 1, shape: SHAPE };
const geometry = storedAs(SHAPE, [1, 1, 1], 'RAS');
const ramp = Int16Array.from({ length: 960 }, (_, index) => index);
const box = Uint8Array.from({ length: 960 }, (_, index) => (index > 400 && index < 500 ? 1 : 0));

async function addPair(name: string, label: Uint8Array, labelGeometry = geometry): Promise<void> {
  await writeNifti(join(folder, 'images', `${name}.nii.gz`), { voxels: ramp, geometry });
  await writeNifti(join(folder, 'labels', `${name}.nii.gz`), { voxels: label, geometry: labelGeometry });
}

async function addImage(name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(folder, 'images'), { recursive: true });
  await writeFile(join(folder, 'images', name), bytes);
}

describe('bad volumes', () => {
  const float = (values: (index: number) => number) =>
    encodeNifti({ voxels: Float32Array.from({ length: 960 }, (_, index) => values(index)), geometry });
  const images: [string, Uint8Array, RegExp][] = [
    ['text.nii', new TextEncoder().encode('no image '.repeat(60)), /expected a NIfTI header/],
    ['cut.nii.gz', gzipSync(encodeNifti({ voxels: ramp, geometry })).subarray(0, 300), /cut short/],
    ['short.nii', encodeNifti({ voxels: ramp, geometry }).subarray(0, 900), /expected 1920 bytes of voxels, got 548/],
    ['moving.nii', rawNifti({ dims: [4, 4, 4, 4, 3], datatype: 4 }), /expected 3 dimensions, got 4/],
    ['thick.nii', encodeNifti({ voxels: ramp, geometry: storedAs(SHAPE, [1, 1, 6], 'RAS') }), /anisotropic.*6 times/],
    ['nan.nii', float((index) => (index === 5 ? NaN : index)), /1 of its voxels are not finite/],
    ['infinite.nii', float((index) => (index < 2 ? Infinity : index)), /2 of its voxels are not finite/],
    ['flat.nii', float(() => 7), /same intensity, 7/],
    ['colour.nii', rawNifti({ datatype: 128, bytesPerVoxel: 3 }), /one number per voxel/],
    ['scan.h5', new TextEncoder().encode('not HDF5'), /expected an HDF5 file/],
  ];

  it.each(images)('%s is named and left out, the rest is used', async (name, bytes, reason) => {
    await writePhantomSite(folder, good);
    await addImage(name, bytes);
    const check = await checkSite(folder, study);
    const report = check.volumes.find((volume) => name.startsWith(`${volume.name}.`))!;
    expect(report.problems.join()).toMatch(reason);
    expect(check).toMatchObject({ labelled: 2, unlabelled: 1, validation: 1, leftOut: 1 });
    const site = await openSite(folder, study);
    expect([site.labelled.length, site.unlabelled.length, site.validation.length]).toEqual([2, 1, 1]);
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    [
      'values of no class',
      () =>
        addPair(
          'bad',
          box.map((value) => 3 * value),
        ),
      /its label holds 3 \(99 voxels\), expected classes 0 to 1/,
    ],
    ['an empty label', () => addPair('bad', new Uint8Array(960)), /label is empty/],
    [
      'a label of another shape',
      () => addPair('bad', box, { ...geometry, shape: [10, 12, 8] }),
      /label has 10 x 12 x 8 voxels/,
    ],
    ['a label elsewhere', () => addPair('bad', box, storedAs(SHAPE, [2, 1, 1], 'RAS')), /lies up to 11 mm away/],
    [
      'a label that does not say how it lies, of an image that does',
      () => addLyingPair(),
      /stored as LAS and RAS, one of them unsaid/,
    ],
    ['a label cut short', () => addCutLabel(), /^its label: cut short/],
    ['a mirrored label', () => addPair('bad', box, mirrored()), /mm away from the image/],
    [
      'a label without an image',
      () => writeNifti(join(folder, 'labels', 'bad.nii.gz'), { voxels: box, geometry }),
      /label without an image/,
    ],
    [
      'two images of a name',
      async () => {
        await addPair('bad', box);
        await writeNifti(join(folder, 'images', 'bad.nii'), { voxels: ramp, geometry });
      },
      /expected one image of this name, found 2/,
    ],
    [
      'a label of fractions',
      async () => {
        await addPair('bad', box);
        const voxels = Float32Array.from(box, (value) => value / 2);
        await writeNifti(join(folder, 'labels', 'bad.nii.gz'), { voxels, geometry });
      },
      /no label map: expected whole numbers from 0 to 255, got 0.5/,
    ],
  ])('%s', async (_, add, reason) => {
    await writePhantomSite(folder, good);
    await add();
    const check = await checkSite(folder, study);
    expect(check.volumes.find(({ name }) => name === 'bad')!.problems.join()).toMatch(reason);
    expect(check).toMatchObject({ labelled: 2, unlabelled: 1, validation: 1, leftOut: 1 });
    expect(dataCheckTable(check)).toMatch(/Wrong:\n {2}bad: /);
  });

  it('a validation image without a label is left out', async () => {
    await writePhantomSite(folder, good);
    await rm(join(folder, 'validation', 'labels', 'north-004.nii.gz'));
    expect(await checkSite(folder, study)).toMatchObject({ validation: 0, leftOut: 1 });
  });

  it('a folder without a usable volume is a failure that says why', async () => {
    await expect(openSite(join(folder, 'none'), study)).rejects.toMatchObject({ kind: 'bad-data' });
    await expect(openSite(folder, study)).rejects.toThrow(/expected volumes .* found none/);
    await addImage('flat.nii', encodeNifti({ voxels: new Int16Array(960), geometry }));
    await expect(openSite(folder, study)).rejects.toThrow(/left out all 1, first flat: every voxel/);
  });
});

async function addLyingPair(): Promise<void> {
  await addPair('bad', box, { ...geometry, affineCode: 0 });
  await writeNifti(join(folder, 'images', 'bad.nii.gz'), { voxels: ramp, geometry: mirrored() });
}

async function addCutLabel(): Promise<void> {
  await addPair('bad', box);
  await truncate(join(folder, 'labels', 'bad.nii.gz'), 60);
}

function mirrored() {
  const { shape, affine } = geometry;
  return { ...geometry, shape, affine: affine.map((value, entry) => (entry === 0 ? -value : value)) };
}

describe('good volumes', () => {
  it('that have gone since are a failure that names them', async () => {
    await writePhantomSite(folder, good);
    const entry = (await openSite(folder, study)).labelled[0];
    await rm(entry.image);
    const failure = { kind: 'bad-data', message: `${entry.image}: expected a file, found none` };
    await expect(loadCase(entry, [1, 1, 1], join(folder, 'cache'))).rejects.toMatchObject(failure);
  });

  it('are described, and oddities noted', async () => {
    await writePhantomSite(folder, { ...good, orientations: ['PIR'], spacing: [1, 1, 2.5] });
    await writeFile(join(folder, 'images', 'list.csv'), 'a,b');
    const check = await checkSite(folder, study);
    expect(check.volumes[0]).toMatchObject({
      name: 'north-001',
      labelled: true,
      shape: SHAPE,
      spacing: [1, 1, 2.5],
      orientation: 'PIR',
      dtype: 'int16',
      problems: [],
    });
    expect(check.volumes[0].labelValues!.map(({ value }) => value)).toEqual([0, 1]);
    expect(check.volumes[0].notes.join()).toMatch(/anisotropic.*2.5 times.*smaller than a patch/);
    expect(check.notes.join()).toMatch(/list.csv/);
    expect(dataCheckTable(check)).toMatch(/2 labelled, 1 unlabelled and 1 validation volumes; 0 left out\.$/);
  });

  it('a label stored along other axes than its image is the same label', async () => {
    await writePhantomSite(folder, { ...good, orientations: ['RAS'] });
    await writePhantomSite(join(folder, 'turned'), { ...good, orientations: ['LPI'] });
    await rm(join(folder, 'labels'), { recursive: true });
    const from = join(folder, 'turned', 'labels', 'north-001.nii.gz');
    await mkdir(join(folder, 'labels'));
    await copyFile(from, join(folder, 'labels', 'north-001.nii.gz'));
    expect(await checkSite(folder, study)).toMatchObject({ labelled: 1, leftOut: 0 });
  });

  it('another folder may hold the validation volumes', async () => {
    await writePhantomSite(join(folder, 'a'), good);
    await writePhantomSite(join(folder, 'b'), { ...good, site: 'test', labelled: 3, unlabelled: 1, validation: 0 });
    const site = await openSite(join(folder, 'a'), study, { validationDir: join(folder, 'b') });
    expect(site.validation.map(({ name }) => name)).toEqual(['test-001', 'test-002', 'test-003']);
  });
});

describe('the cache', () => {
  it('gives the same case, is left aside when damaged, and renewed when the file changes', async () => {
    await writePhantomSite(folder, { ...good, spacing: [0.5, 0.5, 1] });
    const cacheDir = join(folder, 'cache');
    const entry = (await openSite(folder, study)).labelled[0];
    const fresh = await loadCase(entry, [1, 1, 1]);
    expect(fresh.shape).toEqual([6, 5, 8]);
    expect(await loadCase(entry, [1, 1, 1], cacheDir)).toEqual(fresh);
    expect(await loadCase(entry, [1, 1, 1], cacheDir)).toEqual(fresh);
    const [file, ...others] = await readdir(cacheDir);
    expect(others).toEqual([]);
    await truncate(join(cacheDir, file), 100);
    expect(await loadCase(entry, [1, 1, 1], cacheDir)).toEqual(fresh);
    const bytes = await readFile(join(cacheDir, file));
    bytes[bytes.length - 1] ^= 1;
    await writeFile(join(cacheDir, file), bytes);
    expect(await loadCase(entry, [1, 1, 1], cacheDir)).toEqual(fresh);
    expect(await loadCase(entry, [1, 1, 2], cacheDir)).not.toEqual(fresh);
    expect((await readdir(cacheDir)).length).toBe(2);
  });

  it('notices a file that was replaced by one of the same size and date', async () => {
    const cacheDir = join(folder, 'cache');
    await addImage('a.nii', encodeNifti({ voxels: ramp, geometry }));
    const entry = (await openSite(folder, study)).unlabelled[0];
    const { image } = await loadCase(entry, [1, 1, 1], cacheDir);
    const { atime, mtime } = await stat(entry.image);
    await addImage('a.nii', encodeNifti({ voxels: ramp.map((value) => 2 * value), geometry }));
    await utimes(entry.image, atime, mtime);
    expect((await loadCase(entry, [1, 1, 1], cacheDir)).image).toEqual(image.map((value) => 2 * value));
  });

  it('stays within its bound: what was used longest ago goes, and what a killed writer left', async () => {
    await writePhantomSite(folder, { ...good, labelled: 3, unlabelled: 0 });
    const cacheDir = join(folder, 'cache');
    const entries = (await openSite(folder, study)).labelled;
    for (const entry of entries) await loadCase(entry, [1, 1, 1], cacheDir);
    const files = await readdir(cacheDir);
    for (const file of files) await utimes(join(cacheDir, file), 1, 1);
    await loadCase(entries[1], [1, 1, 1], cacheDir);
    await writeFile(join(cacheDir, 'x.case.part'), 'half');
    await utimes(join(cacheDir, 'x.case.part'), 1, 1);
    const { size } = await stat(join(cacheDir, files[0]));
    await boundCaseCache(cacheDir, 1.5 * size);
    const [kept, ...others] = await readdir(cacheDir);
    expect(others).toEqual([]);
    expect((await stat(join(cacheDir, kept))).mtimeMs).toBeGreaterThan(1e6);
    await boundCaseCache(join(folder, 'nowhere'), 0);
  });

  it('remembers what was found, and forgets it with the file', async () => {
    await writePhantomSite(folder, good);
    const cacheDir = join(folder, 'cache');
    const first = await checkSite(folder, study, { cacheDir });
    expect(await checkSite(folder, study, { cacheDir })).toEqual(first);
    await addImage('north-003.nii.gz', new Uint8Array(10));
    expect(await checkSite(folder, study, { cacheDir })).toMatchObject({ unlabelled: 0, leftOut: 1 });
  });

  it('costs nothing but time where it cannot be written', async () => {
    await writePhantomSite(folder, good);
    await writeFile(join(folder, 'cache'), 'a file');
    const entry = (await openSite(folder, study, { cacheDir: join(folder, 'cache') })).labelled[0];
    expect((await loadCase(entry, [1, 1, 1], join(folder, 'cache'))).shape).toEqual(SHAPE);
  });
});
