import { Random } from '@consilium/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moveColumns, rescaleBy, turnedColumns, weighRow, type Turn } from './augmentation-geometry.js';
import {
  augmentLabelled,
  normalisePatches,
  prepareBatch,
  prepareUnlabelled,
  withPseudoLabels,
} from './augmentation.js';
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

const augmentUnlabelled = (patches: PseudoLabelled, random: Random): PseudoLabelled =>
  withPseudoLabels(prepareUnlabelled(patches, random), patches);

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

describe('labels', () => {
  it('land where the image of their voxels lands', () => {
    // An image that says its row: under any move, noise and brightness the labels' rows go with it.
    const [side, depth] = [32, 2];
    const label = Int32Array.from({ length: 2 * side * side * depth }, (_, i) => {
      const column = Math.floor(i / depth) % (side * side);
      return Math.floor(column / side) * 1000 + (column % side);
    });
    const rows = Float32Array.from(label, (value) => Math.floor(value / 1000));
    const confidence = new Float32Array(label.length).fill(1);
    const shape: PatchShape = [2, side, side, depth];
    let [close, counted] = [0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const prepared = prepareUnlabelled({ image: rows, shape }, Random.from(seed));
      const out = withPseudoLabels(prepared, { label, confidence });
      for (let b = 0; b < 2; b++) {
        const patch = [...out.image.keys()].slice(b * side * side * depth, (b + 1) * side * side * depth);
        const known = patch.filter((i) => out.label[i] >= 0);
        const [xs, values] = [known.map((i) => Math.floor(out.label[i] / 1000)), known.map((i) => out.image[i])];
        counted++;
        if (correlation(xs, values) > 0.7) close++;
      }
    }
    expect(close).toBe(counted);
  });

  it('need no random number: they may come long after the images were made ready', () => {
    const batch = { unlabelled: stripes([2, 8, 8, 4]), labelled: stripes([2, 8, 8, 4]) };
    const [a, b] = [1, 1].map((seed) => prepareBatch(batch, Random.from(seed)));
    expect(a).toEqual(b);
    expect(prepareBatch({ unlabelled: batch.unlabelled }, Random.from(1)).labelled).toBeUndefined();
  });
});

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const product = (as: readonly number[], am: number, bs: readonly number[], bm: number) =>
    as.reduce((sum, value, i) => sum + (value - am) * (bs[i] - bm), 0);
  return product(xs, mx, ys, my) / Math.sqrt(product(xs, mx, xs, mx) * product(ys, my, ys, my));
}

describe('turns', () => {
  it('four quarter turns, and a flip twice, change nothing', () => {
    const source = Int32Array.from({ length: 18 }, (_, index) => index);
    const apply = (values: Int32Array, move: Turn) => {
      const out = new Int32Array(18);
      moveColumns(values, out, 0, turnedColumns({ height: 3, width: 3 }, move), 2, -1);
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

  it('columns move in runs, and padding fills', () => {
    const out = new Float32Array(10);
    const source = Float32Array.of(0, 0, 1, 2, 3, 4, 5, 6);
    moveColumns(source, out, 2, Int32Array.of(1, 2, -1, -1), 2, 9);
    expect([...out]).toEqual([0, 0, 3, 4, 5, 6, 9, 9, 9, 9]);
  });
});

describe('rescaling', () => {
  const ramp = Float32Array.from({ length: 8 }, (_, index) => index);
  const rescaled = (scale: number) => {
    const { height } = rescaleBy(scale, { height: 8, width: 8 });
    const image = new Float32Array(8);
    for (let o = 0; o < 8; o++) weighRow(ramp, 0, image, o, 1, height, o);
    return { image, nearest: [...height.nearest] };
  };

  it('by 1 changes nothing; keeps a ramp straight; shrinks to the middle and pads around', () => {
    expect(rescaled(1)).toEqual({ image: ramp, nearest: [0, 1, 2, 3, 4, 5, 6, 7] });
    const larger = rescaled(1.5).image;
    for (let x = 2; x < 6; x++) expect(larger[x]).toBeCloseTo((x + 2.5) / 1.5 - 0.5, 5);
    const { image, nearest } = rescaled(0.5);
    expect(nearest).toEqual([-1, -1, 1, 3, 5, 7, -1, -1]);
    // Rows 2 to 5 hold the shrunken image; rows 0, 1 and 6, 7 mirror it without repeating its edge.
    expect([image[0], image[1], image[6], image[7]]).toEqual([image[4], image[3], image[4], image[3]]);
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
