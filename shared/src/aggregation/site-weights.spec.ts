import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AggregationSettings } from '../protocol/aggregation-settings.js';
import { siteWeights } from './site-weights.js';
import { treatmentOf } from './tensor-groups.js';
import type { z } from 'zod';

const weights = (
  sites: [labelled: number, unlabelled: number, staleness?: number][],
  settings: z.input<typeof AggregationSettings> = {},
  round = 1,
) =>
  siteWeights(
    sites.map(([labelled, unlabelled, staleness = 0]) => ({ labelled, unlabelled, staleness })),
    AggregationSettings.parse(settings),
    round,
  );

describe('weights of sites', () => {
  it('are equal, volumes, or labelled volumes and a part of the others', () => {
    const sites: [number, number][] = [
      [3, 10],
      [0, 5],
    ];
    expect(weights(sites, { weights: 'uniform' })).toEqual([1000, 1000]);
    expect(weights(sites, { weights: 'samples' })).toEqual([13_000, 5000]);
    expect(weights(sites)).toEqual([4000, 500]);
  });

  it('let the part of unlabelled volumes rise over the first rounds', () => {
    const rising = { unlabelledWeight: 0.2, unlabelledRampRounds: 3 };
    expect([1, 2, 3, 4, 9].map((round) => weights([[1, 10]], rising, round)[0])).toEqual([
      1500, 2000, 2500, 3000, 3000,
    ]);
  });

  it('hold all unlabelled volumes together to their share, unless nobody has a label', () => {
    const half = { unlabelledWeight: 1, unlabelledShare: 0.5 };
    expect(
      weights(
        [
          [4, 0],
          [0, 12],
          [0, 4],
        ],
        half,
      ),
    ).toEqual([4000, 3000, 1000]);
    expect(weights([[0, 12]], half)).toEqual([12_000]);
  });

  it('count an update the less, the older its base is', () => {
    expect(
      weights([
        [4, 0],
        [4, 0, 1],
      ]),
    ).toEqual([4000, 2000]);
  });

  it('give no site more than its share, where there are enough sites for that, in any order', () => {
    const sites = fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sites, fc.double({ min: 0.05, max: 1, noNaN: true }), (counts, siteShare) => {
        const capped = weights(counts, { siteShare });
        const free = weights(counts);
        const total = capped.reduce((sum, weight) => sum + weight, 0);
        capped.forEach((weight, i) => {
          expect(Number.isInteger(weight) && weight <= free[i]).toBe(true);
          expect(weight > 0).toBe(free[i] > 0);
        });
        const counted = free.filter((weight) => weight > 0).length;
        if (counted * siteShare >= 1) {
          // Rounding down to thousandths moves a share by this much.
          const slack = counted / Math.max(1, total);
          capped.forEach((weight) => expect(weight / Math.max(1, total)).toBeLessThanOrEqual(siteShare + slack));
        } else {
          expect(new Set(capped.filter((weight) => weight > 0)).size).toBeLessThanOrEqual(1);
        }
        expect(weights(counts.toReversed(), { siteShare })).toEqual(capped.toReversed());
      }),
    );
  });
});

describe('groups of tensors', () => {
  it('are found by name, the first that matches', () => {
    const groups = [
      { match: 'vnet.*.norm.*', how: 'local' },
      { match: 'vnet.*', how: 'exclude' },
      { match: 'mu', how: 'exclude' },
    ] as const;
    const of = (name: string) => treatmentOf(name, groups);
    expect(of('vnet.encoder.0.1.norm.running_mean')).toBe('local');
    expect(of('vnet.encoder.0.1.conv.weight')).toBe('exclude');
    expect(of('dim.0.map_norm.weight')).toBe('average');
    expect(of('mu')).toBe('exclude');
    expect(of('mu2')).toBe('average');
    expect(treatmentOf('aXa', [{ match: 'a*a*a', how: 'local' }])).toBe('average');
    expect(treatmentOf('aaa', [{ match: 'a*a*a', how: 'local' }])).toBe('local');
  });
});
