import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExpectedTensor } from '../admission/expected-tensor.js';
import type { RuleSettings } from '../protocol/aggregation-settings.js';
import { float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import { bytesOf, model, of, run, TENSORS, updates, withParameters, withValues, zeros } from './aggregation.fixture.js';
import { WINDOW } from './windows.js';

// Every run makes WebAssembly memories of its own, which is what takes the time.
fc.configureGlobal({ numRuns: 40 });

interface Promises {
  rule: RuleSettings;
  /** Updates below which it refuses. */
  fewest?: number;
  /** The first round's result is the weighted mean. */
  mean?: boolean;
  /** Gives back what all updates agree on. */
  agrees?: boolean;
  /** Updates (of a base of zeros) scaled by a power of two give the result scaled by it. */
  scales?: boolean;
  /** One update among seven cannot draw a value away from where the others are. */
  bounded?: boolean;
}

const adaptive = { rate: 0.01, firstDecay: 0.9, secondDecay: 0.99, adaptivity: 1e-3 };
const RULES: Promises[] = [
  { rule: { name: 'fedavg' }, mean: true, agrees: true, scales: true },
  { rule: { name: 'fedavgm', rate: 1, momentum: 0.9 }, mean: true, agrees: true, scales: true },
  { rule: { name: 'fedadam', ...adaptive } },
  { rule: { name: 'fedyogi', ...adaptive } },
  { rule: { name: 'norm-clipping', maximumNorm: 1e6 }, mean: true, agrees: true, scales: true },
  { rule: { name: 'norm-clipping', maximumNorm: 1 } },
  { rule: { name: 'median' }, agrees: true, scales: true, bounded: true },
  { rule: { name: 'trimmed-mean', trim: 0.2 }, agrees: true, scales: true, bounded: true },
  { rule: { name: 'krum', faulty: 1, kept: 1 }, fewest: 5, agrees: true, bounded: true },
  { rule: { name: 'krum', faulty: 1, kept: 3 }, fewest: 5, agrees: true, bounded: true },
];
const titled = RULES.map((promises) => ({ ...promises, title: Object.values(promises.rule).join(' ') }));

const negated = ({ tensors, weight }: { tensors: NamedTensors; weight: number }) => ({
  tensors: withParameters(tensors, (x) => -x),
  weight,
});
const close = (got: number[], expected: number[], scale: number) =>
  got.forEach((x, i) =>
    expect(Math.abs(x - expected[i])).toBeLessThanOrEqual(Math.abs(expected[i]) * 2 ** -23 + scale),
  );
/** What the grid loses: 8 terms below 2^10 (see exact-sum.ts). */
const GRID = 8 * 2 ** 10 * 2 ** -51;

describe.each(titled)('aggregation rule $title', ({ rule, fewest = 1, mean, agrees, scales, bounded }) => {
  const aggregated = (...[base, sites, options]: Tail<Parameters<typeof run>>) => run({ rule }, base, sites, options);

  it('A14 gives the same bits in any order of updates', () => {
    // Sites that cancel leave the others' low bits in sight: a plain float64 sum fails here.
    const cancelling = updates(fewest).map((sites) => [...sites, ...sites.slice(1).map(negated)]);
    const shuffled = cancelling.chain((sites) =>
      fc.tuple(fc.constant(sites), fc.shuffledSubarray(sites, { minLength: sites.length, maxLength: sites.length })),
    );
    fc.assert(
      fc.property(model, shuffled, (base, [sites, other]) => {
        expect(bytesOf(aggregated(base, other))).toEqual(bytesOf(aggregated(base, sites)));
      }),
    );
  });

  if (mean)
    it('is the weighted mean', () => {
      fc.assert(
        fc.property(updates(fewest), (sites) => {
          const total = sites.reduce((sum, { weight }) => sum + weight, 0);
          const expected = Array.from({ length: 6 }, (_, i) =>
            sites.reduce((sum, { tensors, weight }) => sum + of(tensors, 'conv.weight')[i] * (weight / total), 0),
          );
          close(of(aggregated(zeros, sites).model, 'conv.weight'), expected, GRID + 2 ** -40);
        }),
      );
    });

  if (agrees)
    it('gives back what all sites agree on', () => {
      fc.assert(
        fc.property(model, updates(fewest), (agreed, sites) => {
          const same = sites.map(({ weight }) => ({ tensors: agreed, weight }));
          const result = aggregated(zeros, same).model;
          close(of(result, 'conv.weight'), of(agreed, 'conv.weight'), GRID);
          for (const name of ['norm.running_mean', 'norm.running_var'])
            close(of(result, name), of(agreed, name), 2 ** -140);
        }),
      );
    });

  if (scales)
    it('is linear in scale: updates times a power of two give the result times it', () => {
      fc.assert(
        fc.property(updates(fewest), fc.integer({ min: -4, max: 0 }), (sites, power) => {
          const scaled = sites.map(({ tensors, weight }) => ({
            tensors: withParameters(tensors, (x) => x * 2 ** power),
            weight,
          }));
          const expected = of(aggregated(zeros, sites).model, 'conv.weight').map((x) => x * 2 ** power);
          close(of(aggregated(zeros, scaled).model, 'conv.weight'), expected, 2 * GRID);
        }),
      );
    });

  if (bounded)
    it('does not let one update among seven draw values away from the others', () => {
      const near = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 });
      const honest = fc.array(near, { minLength: 6, maxLength: 6 });
      const far = fc.array(fc.constantFrom(-1000, 1000), { minLength: 6, maxLength: 6 });
      fc.assert(
        fc.property(honest, far, fc.nat(6), (others, bad, place) => {
          const sites = others.toSpliced(place, 0, bad).map((values, i) => ({
            tensors: withValues(zeros, {
              'conv.weight': values,
              'norm.running_var': i === place ? [1e6, 1e6, 1e6] : [1, 2, 3],
            }),
            // However much it says that it counts.
            weight: i === place ? 2 ** 40 : 1,
          }));
          const result = aggregated(zeros, sites).model;
          of(result, 'conv.weight').forEach((x, i) => {
            const column = others.map((values) => values[i]);
            expect(x).toBeGreaterThanOrEqual(Math.min(...column) - 2 ** -30);
            expect(x).toBeLessThanOrEqual(Math.max(...column) + 2 ** -30);
          });
          expect(of(result, 'norm.running_var')).toEqual([1, 2, 3]);
        }),
      );
    });

  it('does not let an update of weight 0 take part, and refuses to average nothing', () => {
    const site = (value: number, weight: number) => ({ tensors: withValues(zeros, { mu: [value] }), weight });
    const sites = Array.from({ length: fewest }, () => site(1, 5));
    expect(aggregated(zeros, [...sites, site(3, 0)])).toEqual(aggregated(zeros, sites));
    expect(() => aggregated(zeros, [site(1, 0)])).toThrow(
      'expected weights that add up to 1 to 2^50, got 0 over 1 updates',
    );
    expect(() => aggregated(zeros, [site(1, 0.5)])).toThrow('whole numbers from 0, got 0.5');
  });

  it('joins windows without a seam', () => {
    const shape = [2 * WINDOW + 3];
    const tensors: ExpectedTensor[] = [{ name: 'big.weight', shape, kind: 'weight' }];
    const big = (factor: number): NamedTensors =>
      new Map([
        [
          'big.weight',
          float32Tensor(
            shape,
            Float32Array.from({ length: shape[0] }, (_, i) => (i % 251) * factor),
          ),
        ],
      ]);
    const sites = Array.from({ length: Math.max(2, fewest) }, (_, i) => ({
      tensors: big(1 + 2 * (i % 2)),
      weight: 1 + 2 * (i % 2),
    }));
    const values = of(aggregated(big(0), sites, { tensors }).model, 'big.weight');
    values.forEach((value, i) => value === values[i % 251] || expect.fail(`at ${i}: ${value}`));
    if (mean && fewest === 1) expect(values.slice(0, 251)).toEqual(of(big(2.5), 'big.weight').slice(0, 251));
  });

  it('throws where an update that never passed admission reaches it', () => {
    const bad = withValues(zeros, { mu: [NaN] });
    const sites = Array.from({ length: fewest }, () => ({ tensors: bad, weight: 1 }));
    expect(() => aggregated(zeros, sites)).toThrow('expected finite values, got NaN');
  });
});

type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

describe('server optimisers', () => {
  const updateTo = (value: number) => [{ tensors: withValues(zeros, { mu: [value] }), weight: 1 }];
  const mu = (result: { model: NamedTensors }) => of(result.model, 'mu')[0];

  it('FedAvgM goes on in the direction of earlier rounds', () => {
    const rule = { name: 'fedavgm', rate: 0.5, momentum: 0.5 } as const;
    const first = run({ rule }, zeros, updateTo(1));
    expect(mu(first)).toBe(0.5);
    const second = run({ rule }, first.model, updateTo(0.5), { state: first.state });
    // v = 0.5 * -1 + 0
    expect(mu(second)).toBe(0.75);
    expect(of(second.state, 'mu')).toEqual([-0.5]);
  });

  it.each([
    ['fedadam', 0.99 * 1e-6 + 0.01 * 4],
    ['fedyogi', 1e-6 + 0.01 * 4],
  ] as const)('%s divides by the root of its second moment', (name, second) => {
    const result = run({ rule: { name, ...adaptive } }, zeros, updateTo(2));
    const moments = [0.1 * 2, second];
    close(of(result.state, 'mu'), moments, 0);
    expect(mu(result)).toBeCloseTo((0.01 * moments[0]) / (Math.sqrt(moments[1]) + 1e-3), 7);
  });

  it('norm clipping shortens a change to the norm that is allowed', () => {
    fc.assert(
      fc.property(model, model, (base, update) => {
        const { model: result } = run({ rule: { name: 'norm-clipping', maximumNorm: 1 } }, base, [
          { tensors: withValues(update, { 'prior.prototype_support': [9, 9, 9, 9, 9, 9] }), weight: 7 },
        ]);
        const trained = TENSORS.filter(({ kind }) => kind !== 'statistic' && kind !== 'prior').map(({ name }) => name);
        const squares = trained.flatMap((name) => of(result, name).map((x, i) => (x - of(base, name)[i]) ** 2));
        expect(Math.sqrt(squares.reduce((sum, x) => sum + x, 0))).toBeLessThanOrEqual(1 + 2e-3);
      }),
    );
  });

  it('Krum says how many updates it needs', () => {
    expect(() => run({ rule: { name: 'krum', faulty: 2 } }, zeros, updateTo(1))).toThrow(
      'Krum against 2 faulty updates: expected at least 7 updates, got 1',
    );
  });
});

describe('batch-norm statistics', () => {
  it('pool to the variance of the batches taken together', () => {
    const site = (mean: number, variance: number, weight: number) => ({
      tensors: withValues(zeros, {
        'norm.running_mean': [mean, mean, mean],
        'norm.running_var': [variance, variance, variance],
      }),
      weight,
    });
    const { model: result } = run({}, zeros, [site(0, 1, 1000), site(4, 3, 3000)]);
    expect(of(result, 'norm.running_mean')).toEqual([3, 3, 3]);
    // (1 + 9) / 4 + 3 (3 + 1) / 4
    expect(of(result, 'norm.running_var')).toEqual([5.5, 5.5, 5.5]);
  });
});

describe('tensor groups', () => {
  it('keep the base of what is local or excluded, also from rules that see updates whole', () => {
    const groups = [
      { match: 'norm.*', how: 'local' },
      { match: 'm*u', how: 'exclude' },
    ] as const;
    const site = (far: number) => ({
      tensors: withValues(zeros, {
        'conv.weight': [1, 1, 1, 1, 1, 1],
        'norm.running_mean': [far, far, far],
        'norm.running_var': [far, far, far],
        mu: [far],
      }),
      weight: 1,
    });
    const base = withValues(zeros, { mu: [7], 'norm.running_mean': [1, 2, 3] });
    const rule = { name: 'krum' } as const;
    const { model: result } = run({ groups: [...groups], rule }, base, [1, 2, 3, 4, 900].map(site));
    expect(of(result, 'mu')).toEqual([7]);
    expect(of(result, 'norm.running_mean')).toEqual([1, 2, 3]);
    expect(of(result, 'norm.running_var')).toEqual([0, 0, 0]);
    expect(of(result, 'conv.weight')).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('class priors', () => {
  const site = (means: number[], support: number[], weight = 1) => ({
    tensors: withValues(zeros, {
      'prior.class_means': means,
      'prior.class_spread': [1, 1, 1, 1, 1, 1],
      'prior.class_support': support,
    }),
    weight,
  });

  it('are weighted by voxels of the class, and kept where no site saw the class', () => {
    const base = site([7, 7, 7, 8, 8, 8], [10, 20]).tensors;
    const sites = [site([0, 0, 4, 9, 9, 9], [100, 0], 1), site([4, 8, 0, 9, 9, 9], [300, 0], 1_000_000)];
    const { model: result } = run({}, base, sites);
    expect(of(result, 'prior.class_means')).toEqual([3, 6, 1, 8, 8, 8]);
    // 1 + (9 * 1 + 1 * 3) / 4 ...
    expect(of(result, 'prior.class_spread')).toEqual([4, 13, 4, 1, 1, 1]);
    expect(of(result, 'prior.class_support')).toEqual([400, 20]);
  });
});
