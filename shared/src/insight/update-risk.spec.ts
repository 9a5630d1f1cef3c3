import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExposureMeter } from '../admission/exposure.js';
import { effectiveVolumes, updateRisk, type RiskFacts } from './update-risk.js';

const support = { name: 'prior.prototype_support', shape: [3, 2], kind: 'prior' as const };

function metered(): ExposureMeter {
  const meter = new ExposureMeter();
  const moments = (mean: number[], variance: number[]) => ({
    mean: Float32Array.from(mean),
    variance: Float32Array.from(variance),
  });
  meter.addMoments('a.norm.running_var', moments([1, 1], [4, 4]), moments([1, 1], [4, 4]));
  // Channels of one layer in two windows: one moved by 3 of its deviations (2), one became twice as wide.
  meter.addMoments('b.norm.running_var', moments([6], [4]), moments([0], [4]));
  meter.addMoments('b.norm.running_var', moments([0], [16]), moments([0], [4]));
  meter.addSupport(support, 0, Float32Array.of(0, 40, 12, 0.2));
  meter.addSupport(support, 4, Float32Array.of(0, 0));
  return meter;
}

const facts: RiskFacts = {
  norm: 1,
  exposure: { share: 0.1, statistics: { layer: 'a', shift: 0.2 }, support: [500, 300] },
  cosine: 0.8,
  others: 2,
  counts: { labelled: 5, unlabelled: 20, steps: 100 },
  training: { labelledPerStep: 2, unlabelledPerStep: 2 },
};

describe('exposure of an update', () => {
  it('names the batch norm that moved furthest and the least supported prototype of each class', () => {
    const { share, statistics, support: least } = metered().finish({ norm: 3, baseNorm: 12 });
    expect(share).toBe(0.25);
    expect(statistics!.layer).toBe('b.norm');
    expect(statistics!.shift).toBeCloseTo(Math.sqrt((3 ** 2 + 1 ** 2) / 2), 4);
    expect(least).toEqual([40, 12, null]);
  });

  it('has no statistics where nothing is batch-normalised', () => {
    expect(new ExposureMeter().finish({ norm: 3, baseNorm: 0 })).toEqual({ share: 3, statistics: null, support: [] });
  });
});

describe('risk of an update', () => {
  it('counts volumes as Kish does: by how evenly they were drawn', () => {
    expect(effectiveVolumes(0, 10)).toBe(0);
    expect(effectiveVolumes(50, 4)).toBe(4);
    expect(effectiveVolumes(2, 3)).toBe(1.8);
    expect(effectiveVolumes(3, 200)).toBe(3);
    const counts = { volumes: fc.integer({ min: 1, max: 500 }), draws: fc.integer({ min: 1, max: 5000 }) };
    fc.assert(
      fc.property(fc.record(counts), ({ volumes, draws }) => {
        const drawn = Array<number>(volumes).fill(0);
        for (let i = 0; i < draws; i++) drawn[i % volumes]++;
        const kish = draws ** 2 / drawn.reduce((sum, n) => sum + n * n, 0);
        expect(effectiveVolumes(volumes, draws)).toBeCloseTo(kish, 0);
        expect(effectiveVolumes(volumes, draws)).toBeLessThanOrEqual(Math.min(volumes, draws) + 0.05);
      }),
    );
  });

  it('is usual within the limits', () => {
    expect(new Set(Object.values(updateRisk(facts).levels))).toEqual(new Set(['usual']));
  });

  const exposure = facts.exposure!;
  it.each<[string, Partial<RiskFacts>]>([
    ['norm', { exposure: { ...exposure, share: 0.51 } }],
    ['cosine', { cosine: 0.09 }],
    ['cosine', { others: 0, cosine: 1 }],
    ['samples', { counts: { labelled: 1, unlabelled: 20, steps: 100 } }],
    ['samples', { counts: { labelled: 0, unlabelled: 3, steps: 100 } }],
    [
      'samples',
      { counts: { labelled: 5, unlabelled: 20, steps: 1 }, training: { labelledPerStep: 2, unlabelledPerStep: 1 } },
    ],
    ['statistics', { exposure: { ...exposure, statistics: { layer: 'a', shift: 1.01 } } }],
    ['support', { exposure: { ...exposure, support: [500, 99] } }],
  ])('asks for a look at %s alone where that is beyond its limit', (what, changes) => {
    const looks = Object.entries(updateRisk({ ...facts, ...changes }).levels).filter(([, level]) => level === 'look');
    expect(looks).toEqual([[what, 'look']]);
  });

  it('judges nothing that was not measured', () => {
    const { levels, share } = updateRisk({ ...facts, exposure: null, cosine: null });
    expect(share).toBeNull();
    expect(levels).toEqual({ norm: null, cosine: null, samples: 'usual', statistics: null, support: null });
    expect(updateRisk({ ...facts, exposure: { ...exposure, support: [null] } }).levels.support).toBeNull();
  });
});
