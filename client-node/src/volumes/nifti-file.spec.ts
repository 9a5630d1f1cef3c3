import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BYTES, rawNifti, rawNifti2, type RawNifti } from './nifti-file.fixture.js';
import { readNifti } from './nifti-file.js';
import { encodeNifti } from './nifti-writer.js';
import { closestAxes, fromRas, orientationCode } from './orientation.js';
import { storedAs } from './phantom-site.js';
import type { Triple } from './volume.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-nifti-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(bytes: Uint8Array, name = 'volume.nii') {
  await writeFile(join(folder, name), bytes);
  return readNifti(join(folder, name));
}

const IDENTITY = { code: 1, rows: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };
const CODES = ['R', 'L'].flatMap((x) =>
  ['A', 'P'].flatMap((y) =>
    ['S', 'I'].flatMap((z) => [
      [x, y, z],
      [x, z, y],
      [y, x, z],
      [y, z, x],
      [z, x, y],
      [z, y, x],
    ]),
  ),
);

describe('stored types', () => {
  const first: Record<number, number> = {
    2: 0,
    4: -3,
    8: -3,
    16: -0.5,
    64: -0.5,
    256: -3,
    512: 0,
    768: 0,
    1024: -3,
    1280: 0,
  };
  it.each(
    Object.keys(BYTES).flatMap((code) => [false, true].map((bigEndian) => ({ datatype: Number(code), bigEndian }))),
  )('reads datatype $datatype, big-endian $bigEndian', async (options) => {
    const { image, shape } = await read(rawNifti({ ...options, sform: IDENTITY }));
    expect(shape).toEqual([3, 4, 2]);
    // File index i + 3 (j + 4 k) is RAS [i, j, k] here.
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) {
        for (let k = 0; k < 2; k++) {
          expect(image[(i * 4 + j) * 2 + k]).toBe(first[options.datatype] + i + 3 * (j + 4 * k));
        }
      }
    }
  });

  it('keeps large whole numbers exact until they are scaled', async () => {
    const put: RawNifti['put'] = (view, at, index, little) => view.setInt32(at, 2 ** 30 + index, little);
    const { image } = await read(rawNifti({ datatype: 8, put, slope: 1, intercept: -(2 ** 30), dims: [3, 8, 1, 1] }));
    expect([...image]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('applies slope and intercept, and leaves a slope of 0 or NaN aside', async () => {
    expect((await read(rawNifti({ datatype: 2, slope: 2, intercept: -5 }))).image[0]).toBe(-5);
    expect((await read(rawNifti({ datatype: 2, slope: 0, intercept: -5 }))).image[0]).toBe(0);
    expect((await read(rawNifti({ datatype: 2, slope: NaN, intercept: NaN }))).image[0]).toBe(0);
    expect((await read(rawNifti({ datatype: 2, slope: 3, intercept: NaN }))).image.at(-1)).toBe(69);
  });
});

describe('orientation', () => {
  it('brings every one of the 48 orientations to the same RAS volume', async () => {
    const shape: Triple = [4, 3, 5];
    const ras = Uint8Array.from({ length: 60 }, (_, index) => index);
    for (const code of CODES.map((letters) => letters.join(''))) {
      const geometry = storedAs(shape, [1, 2, 3], code);
      const stored = fromRas(ras, geometry.shape, closestAxes(geometry.affine));
      const volume = await read(encodeNifti({ voxels: stored, geometry }));
      expect(volume.orientation).toBe(code);
      expect(volume.shape).toEqual(shape);
      expect(volume.spacing).toEqual([1, 2, 3]);
      expect([...volume.image]).toEqual([...ras]);
    }
  });

  it('gives an oblique volume three different axes', () => {
    const away = fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value + (value < 0 ? -0.2 : 0.2));
    fc.assert(
      fc.property(fc.array(away, { minLength: 12, maxLength: 12 }), (affine) => {
        const map = closestAxes(affine);
        expect([...map.axis].sort()).toEqual([0, 1, 2]);
        expect(Array.from(orientationCode(map)).every((letter) => 'RLAPSI'.includes(letter))).toBe(true);
      }),
    );
  });

  it('reads the quaternion, with the third axis turned round by a negative pixdim[0]', async () => {
    const half = { code: 1, bcd: [0, 0, 1], offset: [10, 20, 30] };
    const turned = await read(rawNifti({ qform: half, pixdim: [1, 2, 3, 4] }));
    expect(turned.orientation).toBe('LPS');
    expect(turned.spacing).toEqual([2, 3, 4]);
    expect(turned.geometry.affine.map((value) => Math.round(value))).toEqual([-2, 0, 0, 10, 0, -3, 0, 20, 0, 0, 4, 30]);
    const mirrored = await read(rawNifti({ qform: half, pixdim: [-1, 2, 3, 4] }));
    expect(mirrored.orientation).toBe('LPI');
  });

  it('prefers a usable sform, and falls back when it is singular', async () => {
    const qform = { code: 1, bcd: [0, 0, 1], offset: [0, 0, 0] };
    const both = await read(rawNifti({ qform, sform: IDENTITY }));
    expect(both.orientation).toBe('RAS');
    const singular = await read(rawNifti({ qform, sform: { code: 1, rows: new Array<number>(12).fill(0) } }));
    expect(singular.orientation).toBe('LPS');
    expect(singular.notes.join()).toMatch(/sform/);
  });

  it('takes the axes as RAS and says so where nothing is said; knows when the voxel size is missing', async () => {
    const neither = await read(rawNifti({ pixdim: [1, 0.5, 0.5, 2] }));
    expect(neither).toMatchObject({ orientation: 'RAS', spacing: [0.5, 0.5, 2] });
    expect(neither.notes.join()).toMatch(/oriented/);
    expect((await read(rawNifti({ pixdim: [1, 0, 0, 0] }))).spacing).toBeNull();
  });

  it('says how far an oblique volume is off', async () => {
    const [c, s] = [Math.cos(0.5), Math.sin(0.5)];
    const oblique = await read(rawNifti({ sform: { code: 1, rows: [c, -s, 0, 0, s, c, 0, 0, 0, 0, 1, 0] } }));
    expect(oblique.orientation).toBe('RAS');
    expect(oblique.notes.join()).toMatch(/29 degrees off/);
  });

  it('converts metres and micrometres to millimetres', async () => {
    const spacing = (
      await read(rawNifti({ units: 3, sform: { code: 1, rows: [500, 0, 0, 0, 0, 500, 0, 0, 0, 0, 500, 0] } }))
    ).spacing!;
    expect(spacing[0]).toBeCloseTo(0.5, 6);
  });
});

describe('containers', () => {
  it('reads gzip whatever the name, NIfTI-2, and a fourth dimension of one', async () => {
    expect((await read(gzipSync(rawNifti()), 'packed.nii.gz')).shape).toEqual([3, 4, 2]);
    expect((await read(rawNifti2([3, 2, 3, 4, 1, 1, 1, 1], [-2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]))).orientation).toBe(
      'LAS',
    );
    expect((await read(rawNifti({ dims: [4, 3, 4, 2, 1] }))).shape).toEqual([3, 4, 2]);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'unreadable', /expected a NIfTI header/],
    ['text', new TextEncoder().encode('x'.repeat(1000)), 'unreadable', /expected a NIfTI header/],
    ['a header alone', rawNifti().slice(0, 352), 'truncated', /expected 96 bytes of voxels, got 0/],
    ['some voxels', rawNifti().slice(0, 400), 'truncated', /expected 96 bytes of voxels, got 48/],
    ['half a gzip', gzipSync(rawNifti()).subarray(0, 60), 'truncated', /cut short/],
    ['a damaged gzip', damaged(gzipSync(rawNifti())), 'unreadable', /damaged/],
    ['4D', rawNifti({ dims: [4, 2, 2, 2, 3] }), 'not-three-dimensional', /got 4 \(2 x 2 x 2 x 3\)/],
    ['2D', rawNifti({ dims: [2, 2, 2] }), 'not-three-dimensional', /got 2/],
    ['a negative side', rawNifti({ dims: [3, 2, 2, -2] }).slice(), 'unreadable', /positive/],
    ['colours', rawNifti({ datatype: 128, bytesPerVoxel: 3 }), 'unsupported-type', /datatype 128/],
  ] as const)('refuses %s', async (_, bytes, fault, message) => {
    await expect(read(bytes, 'bad.nii')).rejects.toMatchObject({
      fault,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('refuses a file that is not there', async () => {
    await expect(readNifti(join(folder, 'none.nii'))).rejects.toMatchObject({ fault: 'missing' });
  });
});

function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.fill(0xff, 12, 30);
  return copy;
}
