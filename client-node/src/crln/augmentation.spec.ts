import { Random } from '@consilium/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rescaleBy, rescaleImage, rescaleNearest, turn, type Turn } from './augmentation-geometry.js';
import { augmentLabelled, augmentUnlabelled, normalisePatches } from './augmentation.js';
import type { PatchShape, PseudoLabelled } from './patches.js';

const size = ([b, h, w, d]: PatchShape) => b * h * w * d;
const seeds = fc.integer({ min: 0, max: 0xffffffff });

/** Images whose intensity is the class; confidence 0.5 + class / 10. */
function stripes(shape: PatchShape): PseudoLabelled {
  const label = Int32Array.from({ length: size(shape) }, (_, index) => Math.floor(index / 7) % 4);
  return {
    image: Float32Array.from(label),
    label,
    confidence: Float32Array.from(label, (value) => 0.5 + value / 10),
    shape,
  };
}

describe('labelled patches', () => {
  it('image and label move together, within [0, 1.25]', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom<PatchShape>([2, 6, 6, 5], [1, 4, 6, 3]), (seed, shape) => {
        const { image, label } = stripes(shape);
        const out = augmentLabelled({ image, label, shape }, Random.from(seed));
        const voxels = size(shape) / shape[0];
        for (let b = 0; b < shape[0]; b++) {
          const brightness = Math.max(...out.image.subarray(b * voxels, (b + 1) * voxels));
          expect(brightness).toBeGreaterThanOrEqual(0.75);
          expect(brightness).toBeLessThanOrEqual(1.25);
          for (let i = b * voxels; i < (b + 1) * voxels; i++) {
            expect(out.image[i]).toBeCloseTo((out.label[i] / 3) * brightness, 5);
          }
        }
        expect([...out.label].sort()).toEqual([...label].sort());
      }),
    );
  });

  it('the eight turns are all drawn, and the depth is never turned', () => {
    const shape: PatchShape = [1, 2, 2, 2];
    const label = Int32Array.from({ length: 8 }, (_, index) => index);
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const out = augmentLabelled({ image: Float32Array.from(label), label, shape }, Random.from(seed)).label;
      seen.add(out.join());
      for (let i = 0; i < 8; i += 2) expect(out[i + 1] - out[i]).toBe(1);
    }
    expect(seen.size).toBe(8);
  });
});

describe('unlabelled patches', () => {
  const shape: PatchShape = [3, 12, 12, 4];

  it('the same seed gives the same bytes, another seed others, and the input stays as it was', () => {
    const input = stripes(shape);
    const before = structuredClone(input);
    const [a, b, c] = [1, 1, 2].map((seed) => augmentUnlabelled(input, Random.from(seed)));
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    expect(input).toEqual(before);
  });

  it('ignored voxels have confidence 0, others the confidence of their label; images fill [0, 1]', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom<PatchShape>(shape, [2, 8, 12, 4], [1, 5, 5, 3]), (seed, one) => {
        const { image, label, confidence } = augmentUnlabelled(stripes(one), Random.from(seed));
        const expected = Float32Array.from(label, (value) => (value === -1 ? 0 : 0.5 + value / 10));
        expect(confidence).toEqual(expected);
        const voxels = size(one) / one[0];
        for (let b = 0; b < one[0]; b++) {
          const patch = image.subarray(b * voxels, (b + 1) * voxels);
          expect([Math.min(...patch), Math.max(...patch)]).toEqual([0, 1]);
        }
      }),
    );
  });

  it('CutMix pastes whole columns of another patch, over a share of the plane as Beta(4, 4) has it', () => {
    // Constant within a patch, so what differs from it was pasted. Rescaling keeps a constant; padding is ignored.
    const label = new Int32Array(size(shape)).map((_, index) => Math.floor(index / (size(shape) / 3)));
    const flat: PseudoLabelled = {
      image: Float32Array.from(label),
      label,
      confidence: new Float32Array(label.length).fill(1),
      shape,
    };
    let pasted = 0;
    let counted = 0;
    for (let seed = 0; seed < 100; seed++) {
      const out = augmentUnlabelled(flat, Random.from(seed));
      const columns = 144;
      for (let column = 0; column < 3 * columns; column++) {
        const value = out.label[4 * column];
        for (let z = 1; z < 4; z++) if (out.label[4 * column + z] !== value) throw new Error('a column of two patches');
        if (value === -1) continue;
        counted++;
        const own = Math.floor(column / columns);
        if (value === own) continue;
        if (value !== (own + 1) % 3) throw new Error(`patch ${own} holds a voxel of patch ${value}`);
        pasted++;
      }
    }
    expect(pasted / counted).toBeGreaterThan(0.4);
    expect(pasted / counted).toBeLessThan(0.6);
  });
});

describe('turns', () => {
  it('four quarter turns, and a flip twice, change nothing', () => {
    const plane = { height: 3, width: 3, inner: 2 };
    const source = Int32Array.from({ length: 18 }, (_, index) => index);
    const apply = (values: Int32Array, move: Turn) => {
      const out = new Int32Array(18);
      turn(values, out, 0, plane, move);
      return out;
    };
    const quarter: Turn = { turns: 1, flip: 'none' };
    const once = apply(source, quarter);
    expect([...once.subarray(0, 6)]).toEqual([4, 5, 10, 11, 16, 17]);
    expect(apply(apply(apply(once, quarter), quarter), quarter)).toEqual(source);
    expect(apply(source, { turns: 2, flip: 'none' })).toEqual(apply(once, quarter));
    expect(apply(source, { turns: 3, flip: 'none' })).toEqual(apply(apply(once, quarter), quarter));
    for (const flip of ['height', 'width'] as const) {
      expect(apply(apply(source, { turns: 0, flip }), { turns: 0, flip })).toEqual(source);
    }
  });
});

describe('rescaling', () => {
  const plane = { height: 8, width: 8, inner: 1 };
  const ramp = Float32Array.from({ length: 64 }, (_, index) => Math.floor(index / 8));

  it('by 1 changes nothing; keeps a ramp straight; shrinks to the middle and pads around', () => {
    const out = new Float32Array(64);
    rescaleImage(ramp, out, 0, rescaleBy(1, plane));
    expect(out).toEqual(ramp);
    rescaleImage(ramp, out, 0, rescaleBy(1.5, plane));
    for (let x = 2; x < 6; x++) expect(out[8 * x]).toBeCloseTo((x + 2.5) / 1.5 - 0.5, 5);
    const label = new Float32Array(64);
    rescaleNearest(ramp, label, 0, rescaleBy(0.5, plane), -1);
    expect([...label.subarray(0, 16)]).toEqual(new Array(16).fill(-1));
    expect([...label.subarray(16, 24)]).toEqual([-1, -1, 1, 1, 1, 1, -1, -1]);
    rescaleImage(ramp, out, 0, rescaleBy(0.5, plane));
    // Rows 2 to 5 hold the shrunken image; rows 0, 1 and 6, 7 mirror it without repeating its edge.
    expect(out[0]).toBe(out[8 * 4]);
    expect(out[8 * 1]).toBe(out[8 * 3]);
    expect(out[8 * 6]).toBe(out[8 * 4]);
    expect(out[8 * 7]).toBe(out[8 * 3]);
  });
});

describe('normalising', () => {
  it('takes each patch and channel by itself, and a constant to 0', () => {
    const image = Float32Array.from([1, 10, 3, 30, 2, 20, 5, 50, 5, 60, 5, 70]);
    const { image: out } = normalisePatches({ image, shape: [2, 1, 1, 3] });
    expect([...out]).toEqual([0, 0, 1, 1, 0.5, 0.5, 0, 0, 0, 0.5, 0, 1]);
    expect(() => normalisePatches({ image, shape: [5, 1, 1, 1] })).toThrow(/expected a multiple/);
  });
});
