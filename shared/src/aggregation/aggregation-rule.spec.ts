import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContainer } from '../tensors/container.js';
import { float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import type { ExpectedTensor } from '../admission/expected-tensor.js';
import { aggregate, valueRanges, WINDOW } from './aggregate.js';
import type { AggregationRule } from './aggregation-rule.js';
import { aggregationRules } from './rules.js';
import { sourceOf } from './tensor-source.js';

const TENSORS: ExpectedTensor[] = [
  { name: 'conv.weight', shape: [2, 3], kind: 'weight' },
  { name: 'mu', shape: [1], kind: 'scalar' },
  { name: 'norm.running_mean', shape: [3], kind: 'statistic' },
  { name: 'norm.running_var', shape: [3], kind: 'statistic' },
  { name: 'prior.class_means', shape: [2, 3], kind: 'prior' },
  { name: 'prior.class_support', shape: [2], kind: 'prior' },
];

type Update = { tensors: NamedTensors; weight: number };

const single = (limit: number) => fc.float({ min: Math.fround(-limit), max: Math.fround(limit), noNaN: true });
/** Values of very different sizes, so that a sum in another order would round differently. */
const value = fc.tuple(single(1), fc.integer({ min: -20, max: 9 })).map(([x, power]) => Math.fround(x * 2 ** power));
const list = (item: fc.Arbitrary<number>, count: number) =>
  fc.array(item, { minLength: count, maxLength: count }).map((values) => Float32Array.from(values));
const model: fc.Arbitrary<NamedTensors> = fc
  .tuple(list(value, 6), list(value, 1), list(value, 3), list(value, 3), list(value, 6), list(fc.nat(1e6), 2))
  .map(([weights, mu, means, variances, priors, support]) => {
    const data = [weights, mu, means, variances.map(Math.abs), priors, support];
    return new Map(TENSORS.map(({ name, shape }, i) => [name, float32Tensor(shape, data[i])]));
  });
const updates: fc.Arbitrary<Update[]> = fc.array(
  fc.record({ tensors: model, weight: fc.integer({ min: 1, max: 2 ** 30 }) }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

const zeros: NamedTensors = new Map(TENSORS.map(({ name, shape }) => [name, float32Tensor(shape)]));

function run(rule: AggregationRule, base: NamedTensors, sites: readonly Update[], tensors = TENSORS): NamedTensors {
  const written: Float32Array[] = [];
  const source = sourceOf(base);
  aggregate({
    base: source,
    updates: sites.map((site) => ({ source: sourceOf(site.tensors), weight: site.weight })),
    tensors,
    ranges: valueRanges(source, tensors),
    rule,
    write: (values) => written.push(values.slice()),
  });
  const values = written.flatMap((part) => [...part]);
  return new Map(
    tensors.map(({ name, shape }) => {
      const count = shape.reduce((product, side) => product * side, 1);
      return [name, float32Tensor(shape, Float32Array.from(values.splice(0, count)))];
    }),
  );
}

const negated = ({ tensors, weight }: Update): Update => ({
  tensors: new Map(tensors).set(
    'conv.weight',
    float32Tensor(
      [2, 3],
      Float32Array.from(of(tensors, 'conv.weight'), (x) => -x),
    ),
  ),
  weight,
});
const of = (tensors: NamedTensors, name: string): number[] => [...tensors.get(name)!.data].map(Number);
const close = (got: number[], expected: number[], scale: number) =>
  got.forEach((x, i) =>
    expect(Math.abs(x - expected[i])).toBeLessThanOrEqual(Math.abs(expected[i]) * 2 ** -23 + scale),
  );
/** What the grid loses: 8 terms below 2^10 (see exact-sum.ts). */
const GRID = 8 * 2 ** 10 * 2 ** -51;

describe.each(Object.values(aggregationRules))('aggregation rule $name', (rule) => {
  it('A14 gives the same bits in any order of updates', () => {
    // Sites that cancel leave the others' low bits in sight: a plain float64 sum fails here.
    const cancelling = updates.map((sites) => [...sites, ...sites.slice(1).map(negated)]);
    const shuffled = cancelling.chain((sites) =>
      fc.tuple(fc.constant(sites), fc.shuffledSubarray(sites, { minLength: sites.length, maxLength: sites.length })),
    );
    fc.assert(
      fc.property(model, shuffled, (base, [sites, other]) => {
        expect(encodeContainer(run(rule, base, other))).toEqual(encodeContainer(run(rule, base, sites)));
      }),
      { numRuns: 100 },
    );
  });

  it('is the weighted mean', () => {
    fc.assert(
      fc.property(updates, (sites) => {
        const total = sites.reduce((sum, { weight }) => sum + weight, 0);
        const mean = Array.from({ length: 6 }, (_, i) =>
          sites.reduce((sum, { tensors, weight }) => sum + of(tensors, 'conv.weight')[i] * (weight / total), 0),
        );
        close(of(run(rule, zeros, sites), 'conv.weight'), mean, GRID + 2 ** -40);
      }),
    );
  });

  it('gives back what all sites agree on', () => {
    fc.assert(
      fc.property(model, updates, (agreed, sites) => {
        const result = run(
          rule,
          zeros,
          sites.map(({ weight }) => ({ tensors: agreed, weight })),
        );
        close(of(result, 'conv.weight'), of(agreed, 'conv.weight'), GRID);
        for (const name of ['norm.running_mean', 'norm.running_var'])
          expect(of(result, name)).toEqual(of(agreed, name).map((x) => x + 0));
      }),
    );
  });

  it('is linear: scaling every update by a power of two scales the result', () => {
    fc.assert(
      fc.property(updates, fc.integer({ min: -4, max: 0 }), (sites, power) => {
        const scaled = sites.map(({ tensors, weight }) => {
          const data = Float32Array.from(of(tensors, 'conv.weight'), (x) => x * 2 ** power);
          return { tensors: new Map(tensors).set('conv.weight', float32Tensor([2, 3], data)), weight };
        });
        const expected = of(run(rule, zeros, sites), 'conv.weight').map((x) => x * 2 ** power);
        close(of(run(rule, zeros, scaled), 'conv.weight'), expected, 2 * GRID);
      }),
    );
  });

  it('does not let an update of weight 0 take part, and refuses to average nothing', () => {
    const site = (value: number, weight: number) => ({
      tensors: new Map(zeros).set('mu', float32Tensor([1], Float32Array.of(value))),
      weight,
    });
    expect(of(run(rule, zeros, [site(1, 5), site(3, 0)]), 'mu')).toEqual([1]);
    expect(() => run(rule, zeros, [site(1, 0)])).toThrow(
      'expected weights that add up to 1 to 2^50, got 0 over 1 updates',
    );
    expect(() => run(rule, zeros, [site(1, 0.5)])).toThrow('whole numbers from 0, got 0.5');
  });

  it('joins windows without a seam', () => {
    const tensors: ExpectedTensor[] = [{ name: 'big.weight', shape: [2 * WINDOW + 3], kind: 'weight' }];
    const big = (factor: number): NamedTensors =>
      new Map([
        [
          'big.weight',
          float32Tensor(
            tensors[0].shape,
            Float32Array.from({ length: 2 * WINDOW + 3 }, (_, i) => (i % 251) * factor),
          ),
        ],
      ]);
    const result = run(
      rule,
      big(0),
      [
        { tensors: big(1), weight: 1 },
        { tensors: big(3), weight: 3 },
      ],
      tensors,
    );
    expect(result.get('big.weight')!.data).toEqual(big(2.5).get('big.weight')!.data);
  });

  it('throws where an update that never passed admission reaches it', () => {
    const bad = new Map(zeros).set('mu', float32Tensor([1], Float32Array.of(NaN)));
    expect(() => run(rule, zeros, [{ tensors: bad, weight: 1 }])).toThrow('"mu": expected finite values, got NaN');
  });
});

describe('batch-norm statistics', () => {
  it('pool to the variance of the batches taken together', () => {
    const site = (mean: number, variance: number, weight: number) => ({
      tensors: new Map(zeros)
        .set('norm.running_mean', float32Tensor([3], new Float32Array(3).fill(mean)))
        .set('norm.running_var', float32Tensor([3], new Float32Array(3).fill(variance))),
      weight,
    });
    const result = run(aggregationRules.fedavg, zeros, [site(0, 1, 1000), site(4, 3, 3000)]);
    expect(of(result, 'norm.running_mean')).toEqual([3, 3, 3]);
    // (1 + 9) / 4 + 3 (3 + 1) / 4
    expect(of(result, 'norm.running_var')).toEqual([5.5, 5.5, 5.5]);
  });
});

describe('class priors', () => {
  const site = (means: number[], support: number[], weight = 1) => ({
    tensors: new Map(zeros)
      .set('prior.class_means', float32Tensor([2, 3], Float32Array.from(means)))
      .set('prior.class_support', float32Tensor([2], Float32Array.from(support))),
    weight,
  });

  it('are weighted by voxels of the class, and kept where no site saw the class', () => {
    const base = site([7, 7, 7, 8, 8, 8], [10, 20]).tensors;
    const sites = [site([0, 0, 4, 9, 9, 9], [100, 0], 1), site([4, 8, 0, 9, 9, 9], [300, 0], 1_000_000)];
    const result = run(aggregationRules.fedavg, base, sites);
    expect(of(result, 'prior.class_means')).toEqual([3, 6, 1, 8, 8, 8]);
    expect(of(result, 'prior.class_support')).toEqual([400, 20]);
  });
});
