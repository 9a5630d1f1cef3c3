import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelTensors } from '../model/model-tensors.js';
import { prototypeAxis } from '../model/prototype-axis.js';
import type { ExpectedTensor } from '../admission/expected-tensor.js';
import { ModelSettings } from '../protocol/study.js';
import { Random } from '../random/random.js';
import { elementCount, float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import { bytesOf, of, run, withValues, zeros } from './aggregation.fixture.js';
import { leastCostAssignment } from './assignment.js';

const R = 4;
/** What is numbered by prototypes, and what stands beside it. */
const TIED: ExpectedTensor[] = modelTensors(
  ModelSettings.parse({ width: 2, prototypes: R, patch: [16, 16, 16] }),
).filter(({ name }) => prototypeAxis(name) !== null || ['mu', 'prior.class_support'].includes(name));

function drawn(seed: number, near?: NamedTensors): NamedTensors {
  return new Map(
    TIED.map(({ name, shape }) => {
      const random = Random.from(seed, name);
      const base = near?.get(name)!.data;
      const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => {
        if (name.endsWith('support')) return random.below(1000);
        const value = Number(base?.[i] ?? 0) + (near ? 0.1 : 1) * random.normal();
        return name.endsWith('_var') || name.endsWith('spread') ? Math.abs(value) : value;
      });
      return [name, float32Tensor(shape, data)];
    }),
  );
}

/** Prototype r of the result is prototype order[r] of the given model, in all tensors that are numbered by them. */
function renumbered(tensors: NamedTensors, order: readonly number[]): NamedTensors {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const axis = prototypeAxis(name);
      if (axis === null) return [name, tensor];
      const inner = elementCount(tensor.shape.slice(axis + 1));
      const at = (i: number) => i + (order[Math.floor(i / inner) % R] - (Math.floor(i / inner) % R)) * inner;
      return [
        name,
        float32Tensor(
          tensor.shape,
          Float32Array.from(tensor.data as Float32Array, (_, i) => Number(tensor.data[at(i)])),
        ),
      ];
    }),
  );
}

describe('the axis of prototypes', () => {
  it('has one entry for each prototype in every tensor that has one', () => {
    for (const { name, shape } of TIED) {
      const axis = prototypeAxis(name);
      if (axis !== null) expect(shape[axis], name).toBe(R);
    }
    expect(TIED.filter(({ name }) => prototypeAxis(name) !== null)).toHaveLength(18);
  });
});

describe('prototypes of several sites', () => {
  const base = drawn(0);
  const orders = fc.shuffledSubarray([...Array(R).keys()], { minLength: R, maxLength: R });
  const sites = [1, 2, 3].map((seed) => drawn(seed, base));
  const aggregated = (models: NamedTensors[], match = true) =>
    run(
      { prototypes: { match } },
      base,
      models.map((tensors, i) => ({ tensors, weight: 1 + i })),
      { tensors: TIED },
    );

  it('are matched to the global ones: whatever order a site has them in, the model is the same to the bit', () => {
    const expected = bytesOf(aggregated(sites));
    fc.assert(
      fc.property(fc.tuple(orders, orders, orders), (chosen) => {
        expect(bytesOf(aggregated(sites.map((site, i) => renumbered(site, chosen[i]))))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
    expect(bytesOf(aggregated(sites, false))).toEqual(expected);
    expect(bytesOf(aggregated([renumbered(sites[0], [1, 0, 2, 3]), sites[1], sites[2]], false))).not.toEqual(expected);
  });

  it('are left as they are where a tensor that is numbered by them is not averaged', () => {
    const swapped = { tensors: renumbered(sites[0], [1, 0, 2, 3]), weight: 1 };
    const groups = [{ match: 'dim.0.depthwise_norm.*', how: 'local' } as const];
    const prototypes = { minimumSupport: 1, reseed: false };
    const { model } = run({ groups, prototypes }, base, [swapped], { tensors: TIED });
    expect(of(model, 'dim.1.depthwise.weight')).toEqual(of(swapped.tensors, 'dim.1.depthwise.weight'));
  });
});

describe('support', () => {
  const site = (prototypes: number[], support: number[], weight = 1) => ({
    tensors: withValues(zeros, { prototypes, 'prior.prototype_support': support }),
    weight,
  });
  const base = site([...Array(12).keys()], [9, 9, 9, 9, 9, 9]).tensors;

  it('weighs prototypes in place of the site, below the minimum not at all, and keeps what nobody supports', () => {
    const sites = [
      site(Array<number>(12).fill(4), [30, 30, 30, 0, 0, 0]),
      site(Array<number>(12).fill(8), [10, 10, 4, 0, 0, 0], 1_000_000),
    ];
    const { model } = run({ prototypes: { match: false, minimumSupport: 5 } }, base, sites);
    expect(of(model, 'prototypes')).toEqual([5, 5, 5, 5, 4, 4, 6, 7, 8, 9, 10, 11]);
    expect(of(model, 'prior.prototype_support')).toEqual([40, 40, 30, 9, 9, 9]);
  });

  it('tells dead prototypes, which start anew near the best of their class, the same for the same round', () => {
    const sites = [site([1, 1, 2, 2, 7, 7, 0, 0, 0, 0, 0, 0], [500, 900, 1, 0, 0, 0])];
    const settings = { prototypes: { match: false } };
    const { model } = run(settings, base, sites);
    const prototypes = of(model, 'prototypes');
    expect(prototypes.slice(0, 4)).toEqual([1, 1, 2, 2]);
    prototypes.slice(4, 6).forEach((value) => {
      expect(value).not.toBe(7);
      expect(Math.abs(value - 2)).toBeLessThan(0.2);
    });
    expect(prototypes.slice(6)).toEqual([6, 7, 8, 9, 10, 11]);
    expect(of(model, 'prior.prototype_support')).toEqual([500, 900, 0, 9, 9, 9]);
    expect(bytesOf(run(settings, base, sites))).toEqual(bytesOf({ model, state: new Map() }));
    expect(of(run(settings, base, sites, { seed: 'another' }).model, 'prototypes')).not.toEqual(prototypes);
    const { model: left } = run({ prototypes: { match: false, reseed: false } }, base, sites);
    expect(of(left, 'prototypes').slice(4, 6)).toEqual([7, 7]);
  });
});

describe('assignment', () => {
  it('costs no more than any other', () => {
    const n = 5;
    const permutations = (rest: number[]): number[][] =>
      rest.length === 0 ? [[]] : rest.flatMap((r, i) => permutations(rest.toSpliced(i, 1)).map((tail) => [r, ...tail]));
    const all = permutations([...Array(n).keys()]);
    const costs = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: n * n, maxLength: n * n });
    fc.assert(
      fc.property(costs, (values) => {
        const cost = (columns: readonly number[]) => columns.reduce((sum, c, r) => sum + values[r * n + c], 0);
        const found = leastCostAssignment(Float64Array.from(values), n);
        expect([...found].sort()).toEqual([...Array(n).keys()]);
        expect(cost(found)).toBe(Math.min(...all.map(cost)));
      }),
    );
  });
});
