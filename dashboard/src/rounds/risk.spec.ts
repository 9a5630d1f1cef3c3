import { updateRisk, type RiskFacts, type UpdateRisk } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { MEASURE_NAMES, MEASURES, riskSummary } from './risk.js';

function riskOf(over: Partial<RiskFacts> = {}): UpdateRisk {
  return updateRisk({
    norm: 2.5,
    exposure: { share: 0.05, statistics: { layer: 'vnet.up.0.norm', shift: 0.25 }, support: [500, null] },
    cosine: 0.8,
    others: 1,
    counts: { labelled: 5, unlabelled: 20, steps: 100 },
    training: { labelledPerStep: 2, unlabelledPerStep: 2 },
    ...over,
  });
}

function shown(risk: UpdateRisk, cosine: number | null): string[] {
  return MEASURE_NAMES.map((measure) => MEASURES[measure].shown({ cosine, risk }));
}

describe('what updates may reveal', () => {
  it('is one sentence that names who to look at, and for what', () => {
    const few = riskOf({ counts: { labelled: 1, unlabelled: 0, steps: 9 }, cosine: 0 });
    expect(riskSummary([{ site: 'a', risk: riskOf() }])).toBe('All measures of 1 update are within the limits.');
    expect(
      riskSummary([
        { site: 'a', risk: riskOf() },
        { site: 'b', risk: few },
      ]),
    ).toBe('Look at 1 of 2 updates: b for its direction and few volumes.');
  });

  it('shows every measure, and what was not measured as such', () => {
    expect(shown(riskOf(), 0.8)).toEqual(['2.50 (5.0 %)', '0.80', '5.0 + 20.0', '0.25 in vnet.up.0.norm', '500 / –']);
    const old = riskOf({ exposure: null, cosine: null, others: 0 });
    expect(shown(old, null)).toEqual(['2.50', 'no other update', '5.0 + 20.0', '–', '–']);
  });
});
