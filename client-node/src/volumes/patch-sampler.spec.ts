import { Random } from '@consilium/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropInto, foregroundVoxels, placeAround, randomCorner } from './crop.js';
import { PatchSampler, type SamplerOptions } from './patch-sampler.js';
import type { SiteEntry } from './site.js';
import type { Case, Triple } from './volume.js';

const entry = (name: string, labelled: boolean): SiteEntry => ({
  name,
  image: `/${name}`,
  label: labelled ? `/l/${name}` : null,
});

/** Every voxel of an image says where it is, and of which case; labels are 1 where the image is a multiple of 5. */
function caseOf({ name, label }: SiteEntry, shape: Triple): Case {
  const size = shape[0] * shape[1] * shape[2];
  const image = Float32Array.from({ length: size }, (_, index) => 1 + index + 10_000 * Number(name));
  return {
    name,
    image,
    label: label === null ? null : Uint8Array.from(image, (value) => (value % 5 === 0 ? 1 : 0)),
    shape,
    spacing: [1, 1, 1],
    native: { shape, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], affineCode: 1, spacingKnown: true },
  };
}

function sampler(options: Partial<SamplerOptions> & { shape?: Triple; loads?: string[] } = {}): PatchSampler {
  const { shape = [9, 8, 7], loads, ...rest } = options;
  return new PatchSampler({
    labelled: ['1', '2', '3'].map((name) => entry(name, true)),
    unlabelled: ['4', '5', '6', '7'].map((name) => entry(name, false)),
    load: (one) => {
      loads?.push(one.name);
      return Promise.resolve(caseOf(one, shape));
    },
    patch: [4, 4, 4],
    random: Random.from(7),
    ...rest,
  });
}

const caseIn = (patch: Float32Array) => Math.floor(patch[0] / 10_000);

describe('patches', () => {
  it('are cut from image and label alike', async () => {
    const { image, label, shape } = (await sampler().labelled(5))!;
    expect(shape).toEqual([5, 4, 4, 4]);
    expect([...label]).toEqual([...image].map((value) => (value % 5 === 0 ? 1 : 0)));
    // Neighbours along z follow each other in the volume as well.
    expect(image[1] - image[0]).toBe(1);
    expect(image[4] - image[0]).toBe(7);
    expect(image[16] - image[0]).toBe(56);
  });

  it('draw every volume once before any again', async () => {
    const one = sampler();
    const drawn: number[] = [];
    for (let step = 0; step < 4; step++) {
      const { image } = (await one.unlabelled(2))!;
      drawn.push(caseIn(image), caseIn(image.subarray(64)));
    }
    expect(drawn.slice(0, 4).sort()).toEqual([4, 5, 6, 7]);
    expect(drawn.slice(4).sort()).toEqual([4, 5, 6, 7]);
  });

  it('of a smaller volume are padded around with its lowest intensity and class 0', async () => {
    const { image, label } = (await sampler({ shape: [2, 4, 4] }).labelled(1))!;
    const lowest = Math.min(...image);
    for (const x of [0, 3]) expect([...image.subarray(16 * x, 16 * x + 16)]).toEqual(new Array(16).fill(lowest));
    expect(new Set(image.subarray(16, 48)).size).toBe(32);
    expect(label.subarray(0, 16).every((value) => value === 0)).toBe(true);
  });

  it('come from labelled images too where there are few unlabelled ones; a site without labels gives none', async () => {
    const few = sampler({ unlabelled: [entry('4', false)] });
    const seen = new Set<number>();
    for (let step = 0; step < 4; step++) seen.add(caseIn((await few.unlabelled(1))!.image));
    expect([...seen].sort()).toEqual([1, 2, 3, 4]);
    const none = sampler({ labelled: [] });
    expect(await none.labelled(2)).toBeUndefined();
    expect(await sampler({ labelled: [], unlabelled: [] }).unlabelled(2)).toBeUndefined();
  });

  it('can be asked to hold foreground', async () => {
    const load = (one: SiteEntry): Promise<Case> => {
      const plain = caseOf(one, [40, 8, 7]);
      return Promise.resolve({ ...plain, label: plain.label!.fill(0).fill(1, 2000, 2003) });
    };
    const biased = sampler({ load, foregroundShare: 1 });
    for (let step = 0; step < 20; step++)
      expect((await biased.labelled(1))!.label.some((value) => value === 1)).toBe(true);
  });
});

describe('the stream', () => {
  it('is the same for the same seed, and continues from its state', async () => {
    const [a, b] = [sampler(), sampler()];
    for (let step = 0; step < 3; step++) expect(await a.labelled(2)).toEqual(await b.labelled(2));
    await a.unlabelled(1);
    const state = JSON.parse(JSON.stringify(a.state)) as typeof a.state;
    const later = [await a.labelled(2), await a.unlabelled(3)];
    const resumed = sampler({ random: Random.from(99) });
    resumed.restore(state);
    expect([await resumed.labelled(2), await resumed.unlabelled(3)]).toEqual(later);
  });
});

describe('memory', () => {
  it('reads a case once while there is room, and again after it had to leave', async () => {
    const roomy: string[] = [];
    const one = sampler({ loads: roomy });
    for (let step = 0; step < 6; step++) await one.unlabelled(2);
    expect(roomy.length).toBe(4);
    const tight: string[] = [];
    const bytes = 9 * 8 * 7 * 4;
    const two = sampler({ loads: tight, memoryBytes: 2 * bytes });
    for (let step = 0; step < 6; step++) await two.unlabelled(2);
    expect(tight.length).toBeGreaterThan(6);
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
