import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { File as Hdf5File, ready } from 'h5wasm/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHdf5 } from './hdf5-file.js';
import { checkSite, loadCase, openSite } from './site.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-hdf5-'));
  await ready;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Content {
  readonly label?: boolean;
  readonly spacing?: readonly number[];
  readonly shape?: readonly number[];
}

async function write(path: string, { label = true, spacing, shape = [4, 5, 6] }: Content = {}): Promise<string> {
  const full = join(folder, path);
  await mkdir(dirname(full), { recursive: true });
  const size = shape.reduce((product, side) => product * side, 1);
  const file = new Hdf5File(full, 'w');
  const image = file.create_dataset({
    name: 'image',
    data: Float32Array.from({ length: size }, (_, index) => index),
    shape: [...shape],
    chunks: [...shape],
    compression: 4,
  });
  if (spacing) image.create_attribute('spacing', Float64Array.from(spacing));
  if (label)
    file.create_dataset({ name: 'label', data: Uint8Array.from({ length: size }, (_, i) => i % 2), shape: [...shape] });
  file.close();
  return full;
}

describe('a file', () => {
  it('is read in its own order, with the spacing of its attribute', async () => {
    const volume = await readHdf5(await write('one.h5', { spacing: [0.5, 1, 2] }), 'image');
    expect(volume).toMatchObject({ shape: [4, 5, 6], spacing: [0.5, 1, 2], dtype: 'float32' });
    expect([...volume.image.subarray(0, 3)]).toEqual([0, 1, 2]);
    expect((await readHdf5(join(folder, 'one.h5'), 'label')).dtype).toBe('uint8');
  });

  it('without spacing has none; damaged, cut short or without the dataset it is refused in words', async () => {
    const path = await write('plain.h5', { label: false });
    expect((await readHdf5(path, 'image')).spacing).toBeNull();
    await expect(readHdf5(path, 'label')).rejects.toMatchObject({ fault: 'no-such-dataset' });
    await expect(readHdf5(join(folder, 'none.h5'), 'image')).rejects.toMatchObject({ fault: 'missing' });
    await writeFile(join(folder, 'text.h5'), 'text');
    await expect(readHdf5(join(folder, 'text.h5'), 'image')).rejects.toMatchObject({ fault: 'unreadable' });
    const bytes = await readFile(path);
    await writeFile(join(folder, 'cut.h5'), bytes.subarray(0, bytes.length / 2));
    await expect(readHdf5(join(folder, 'cut.h5'), 'image')).rejects.toMatchObject({ fault: 'truncated' });
    await expect(readHdf5(await write('flat.h5', { shape: [4, 5] }), 'image')).rejects.toMatchObject({
      fault: 'not-three-dimensional',
    });
  });
});

describe('a site folder', () => {
  it.each([
    ['as the LA benchmark lies on disk', (name: string) => `la/${name}/mri_norm2.h5`, 'la'],
    ['as the Pancreas benchmark lies on disk', (name: string) => `pancreas/${name}.h5`, 'pancreas'],
    ['under images/', (name: string) => `own/images/${name}.h5`, 'own'],
  ])('%s', async (_, path, site) => {
    await write(path('A'));
    await write(path('B'), { label: false });
    const study = { classes: 2, spacing: [1, 1, 2] as const };
    const opened = await openSite(join(folder, site), study);
    expect(opened.labelled.map(({ name }) => name)).toEqual(['A']);
    expect(opened.unlabelled.map(({ name }) => name)).toEqual(['B']);
    expect(opened.check.volumes[0].notes.join()).toMatch(/spacing is unknown and taken as the study's, 1 x 1 x 2 mm/);
    const loaded = await loadCase(opened.labelled[0], study.spacing);
    expect(loaded).toMatchObject({ shape: [4, 5, 6], spacing: [1, 1, 2] });
    expect(loaded.label!.reduce((sum, value) => sum + value, 0)).toBe(60);
  });

  it('names a file without an image', async () => {
    const file = new Hdf5File(join(folder, 'own', 'images', 'C.h5'), 'w');
    file.create_dataset({ name: 'scan', data: new Float32Array(8), shape: [2, 2, 2] });
    file.close();
    const check = await checkSite(join(folder, 'own'));
    expect(check.volumes.find(({ name }) => name === 'C')!.problems).toEqual([
      'expected a dataset "image", found scan',
    ]);
  });
});
