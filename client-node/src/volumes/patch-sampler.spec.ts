import { Random } from '@consilium/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeFailure } from '../settings/failure.js';
import type { HeldCase } from './case-memory.js';
import { cropInto, foregroundVoxels, placeAround, randomCorner } from './crop.js';
import { PatchSampler, type LeftOut, type SamplerOptions } from './patch-sampler.js';
import type { SiteEntry } from './site.js';
import type { Triple } from './volume.js';

const entry = (name: string, labelled: boolean): SiteEntry => ({
  name,
  image: `/${name}`,
  label: labelled ? `/l/${name}` : null,
});

/** Every voxel of an image says where it is, and of which case; labels are 1 where the image is a multiple of 5. */
function caseOf({ name, label }: SiteEntry, shape: Triple): HeldCase {
  const size = shape[0] * shape[1] * shape[2];
  const image = Float32Array.from({ length: size }, (_, index) => 1 + index + 10_000 * Number(name));
  return {
    name,
    image,
    label: label === null ? null : Uint8Array.from(image, (value) => (value % 5 === 0 ? 1 : 0)),
    shape,
    spacing: [1, 1, 1],
    native: { shape, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], affineCode: 1, spacingKnown: true },
    minimum: image[0],
    highestClass: 1,
  };
}

function sampler(options: Partial<SamplerOptions> & { shape?: Triple; broken?: string[] } = {}): PatchSampler {
  const { shape = [9, 8, 7], broken = [], ...rest } = options;
  return new PatchSampler({
    labelled: ['1', '2', '3'].map((name) => entry(name, true)),
    unlabelled: ['4', '5', '6', '7'].map((name) => entry(name, false)),
    load: (one) =>
      broken.includes(one.name)
        ? Promise.reject(new NodeFailure('bad-data', `${one.image}: truncated`))
        : Promise.resolve(caseOf(one, shape)),
    patch: [4, 4, 4],
    labelledPerStep: 2,
    unlabelledPerStep: 2,
    seed: 7,
    onLeftOut: () => undefined,
    ...rest,
  });
}

const caseIn = (patch: Float32Array) => Math.floor(patch[0] / 10_000);

/** Cases of the unlabelled patches of the first steps. */
async function drawn(one: PatchSampler, steps: number): Promise<number[]> {
  const cases: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { image } = (await one.batch(step)).unlabelled!;
    for (let begin = 0; begin < image.length; begin += 64) cases.push(caseIn(image.subarray(begin)));
  }
  return cases;
}

describe('patches', () => {
  it('are cut from image and label alike', async () => {
    const { image, label, shape } = (await sampler({ labelledPerStep: 5 }).batch(0)).labelled!;
    expect(shape).toEqual([5, 4, 4, 4]);
    expect([...label]).toEqual([...image].map((value) => (value % 5 === 0 ? 1 : 0)));
    // Neighbours along z follow each other in the volume as well.
    expect(image[1] - image[0]).toBe(1);
    expect(image[4] - image[0]).toBe(7);
    expect(image[16] - image[0]).toBe(56);
  });

  it('draw every volume once before any again, in another order each time', async () => {
    for (const unlabelledPerStep of [2, 3]) {
      const cases = await drawn(sampler({ unlabelledPerStep }), 12);
      const epochs = Array.from({ length: 6 }, (_, epoch) => cases.slice(4 * epoch, 4 * epoch + 4));
      for (const epoch of epochs) expect([...epoch].sort()).toEqual([4, 5, 6, 7]);
      expect(new Set(epochs.map((epoch) => epoch.join())).size).toBeGreaterThan(2);
    }
  });

  it('of a smaller volume are padded around with its lowest intensity and class 0', async () => {
    const { image, label } = (await sampler({ shape: [2, 4, 4], labelledPerStep: 1 }).batch(0)).labelled!;
    const lowest = Math.min(...image);
    for (const x of [0, 3]) expect([...image.subarray(16 * x, 16 * x + 16)]).toEqual(new Array(16).fill(lowest));
    expect(new Set(image.subarray(16, 48)).size).toBe(32);
    expect(label.subarray(0, 16).every((value) => value === 0)).toBe(true);
  });

  it('come from labelled images too where there are few unlabelled ones; a site without labels gives none', async () => {
    const few = sampler({ unlabelled: [entry('4', false)] });
    expect((await drawn(few, 2)).sort()).toEqual([1, 2, 3, 4]);
    expect((await sampler({ labelled: [] }).batch(0)).labelled).toBeUndefined();
    expect(await sampler({ labelled: [], unlabelled: [] }).batch(0)).toEqual({});
    expect((await sampler({ unlabelledPerStep: 0 }).batch(0)).unlabelled).toBeUndefined();
  });

  it('can be asked to hold foreground', async () => {
    const load = (one: SiteEntry): Promise<HeldCase> => {
      const plain = caseOf(one, [40, 8, 7]);
      return Promise.resolve({ ...plain, label: plain.label?.fill(0).fill(1, 2000, 2003) ?? null });
    };
    const biased = sampler({ load, foregroundShare: 1, labelledPerStep: 1 });
    for (let step = 0; step < 20; step++)
      expect((await biased.batch(step)).labelled!.label.some((value) => value === 1)).toBe(true);
  });
});

describe('a step', () => {
  it('has the same patches for the same seed, whatever was drawn before, and others at another step', async () => {
    const [a, b] = [sampler(), sampler()];
    for (let step = 0; step < 5; step++) await a.batch(step);
    expect(await a.batch(5)).toEqual(await b.batch(5));
    expect(await b.batch(6)).not.toEqual(await b.batch(5));
    expect(await sampler({ seed: 8 }).batch(5)).not.toEqual(await b.batch(5));
  });
});

describe('a volume that breaks while training goes on', () => {
  it('is named once and left out; the others are still drawn', async () => {
    const broken: string[] = [];
    const leftOut: LeftOut[] = [];
    const one = sampler({ broken, onLeftOut: (volume) => leftOut.push(volume) });
    await drawn(one, 2);
    broken.push('5');
    const later = await drawn(one, 8);
    expect(new Set(later)).toEqual(new Set([4, 6, 7]));
    expect(leftOut).toEqual([{ image: '/5', sentence: '/5: truncated' }]);
  });

  it('ends its kind with the last one, and any other failure at once', async () => {
    const batch = await sampler({ broken: ['1', '2', '3'] }).batch(0);
    expect(batch.labelled).toBeUndefined();
    expect(batch.unlabelled).toBeDefined();
    const load = () => Promise.reject(new NodeFailure('disk-full', 'no room'));
    await expect(sampler({ load }).batch(0)).rejects.toThrow('no room');
  });
});

describe('corners', () => {
  it('keep the patch inside, or the volume inside the patch, and the voxel where asked', () => {
    const side = fc.integer({ min: 1, max: 12 });
    const triple = fc.tuple(side, side, side);
    fc.assert(
      fc.property(triple, triple, fc.nat(), fc.integer({ min: 0, max: 0xffffffff }), (shape, patch, pick, seed) => {
        const random = Random.from(seed);
        const voxel = pick % (shape[0] * shape[1] * shape[2]);
        const at = [
          Math.floor(voxel / (shape[1] * shape[2])),
          Math.floor(voxel / shape[2]) % shape[1],
          voxel % shape[2],
        ];
        for (const corner of [randomCorner(shape, patch, random), placeAround(voxel, shape, patch, random)]) {
          for (let axis = 0; axis < 3; axis++) {
            const room = shape[axis] - patch[axis];
            expect(corner[axis]).toBeGreaterThanOrEqual(Math.min(0, room));
            expect(corner[axis]).toBeLessThanOrEqual(Math.max(0, room));
          }
        }
        const around = placeAround(voxel, shape, patch, random);
        for (let axis = 0; axis < 3; axis++) {
          expect(at[axis] - around[axis]).toBeGreaterThanOrEqual(0);
          expect(at[axis] - around[axis]).toBeLessThan(patch[axis]);
        }
      }),
    );
  });

  it('remember foreground evenly', () => {
    const label = new Uint8Array(20_000).fill(1, 5000, 15_000);
    const kept = foregroundVoxels(label);
    expect(kept.length).toBe(4096);
    expect(kept[0]).toBe(5000);
    expect(kept.at(-1)).toBeGreaterThan(14_990);
    expect([...foregroundVoxels(Uint8Array.from([0, 2, 0, 1]))]).toEqual([1, 3]);
  });

  it('crop across the border', () => {
    const out = new Float32Array(8);
    cropInto(out, 0, Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]), [2, 2, 2], [2, 2, 2], [1, 0, -1], 9);
    expect([...out]).toEqual([9, 5, 9, 7, 9, 9, 9, 9]);
  });
});
