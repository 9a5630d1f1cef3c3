import type { CurvePoint, Spread, StudyCurves } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { formatDice, formatMillimetres } from '../format/figures.js';
import { exampleCurvePoint } from '../rounds/example.js';
import { curveOf, curveSummary, diceRange, isEmpty } from './curve.js';

const spread = (mean: number, low = mean, high = mean): Spread => ({ mean, low, high, sites: 2 });
const curves: StudyCurves = {
  sites: ['abbey', 'north'],
  points: [
    exampleCurvePoint(0, { dice: spread(0.1) }),
    exampleCurvePoint(1, { dice: spread(0.5, 0.4, 0.6), hd95: spread(9), diceBySite: [0.6, 0.4] }),
    exampleCurvePoint(3, { dice: spread(0.75, 0.7, 0.8), hd95: spread(4), diceBySite: [0.8, 0.7] }),
    exampleCurvePoint(4),
  ],
};
const DICE = { what: 'Mean Dice', better: 'higher', format: formatDice } as const;

describe('curveOf', () => {
  it('starts at the initial model where that was measured, and keeps models that nobody has measured yet', () => {
    expect(curveOf(curves, 'dice')).toEqual({
      rounds: [0, 1, 3, 4],
      mean: [0.1, 0.5, 0.75, null],
      low: [0.1, 0.4, 0.7, null],
      high: [0.1, 0.6, 0.8, null],
      sites: [
        { site: 'abbey', values: [null, 0.6, 0.8, null] },
        { site: 'north', values: [null, 0.4, 0.7, null] },
      ],
    });
    expect(curveOf(curves, 'hd95').rounds).toEqual([1, 3, 4]);
  });

  it('takes the newest models where only so many are asked for', () => {
    expect(curveOf(curves, 'dice', 2).rounds).toEqual([3, 4]);
  });

  it('is empty where nobody has measured anything', () => {
    expect(isEmpty(curveOf(curves, 'loss'))).toBe(true);
    expect(isEmpty(curveOf(curves, 'dice'))).toBe(false);
  });
});

describe('curveSummary', () => {
  it('says how far a figure came, whether that is the best, and how far sites are apart', () => {
    expect(curveSummary(curveOf(curves, 'dice'), DICE)).toBe(
      'Mean Dice rose from 0.100 before training to 0.750 in round 3, the best so far; sites from 0.700 to 0.800.',
    );
  });

  it('names the best round when the last one is not, also where less is better', () => {
    const points = [...curves.points, exampleCurvePoint(6, { dice: spread(0.4), hd95: spread(5) })];
    expect(curveSummary(curveOf({ ...curves, points }, 'dice'), DICE)).toBe(
      'Mean Dice rose from 0.100 before training to 0.400 in round 6, the best was 0.750 in round 3.',
    );
    const distance = { what: 'Mean HD95', better: 'lower', format: formatMillimetres } as const;
    expect(curveSummary(curveOf({ ...curves, points }, 'hd95'), distance)).toBe(
      'Mean HD95 fell from 9.0 mm in round 1 to 5.0 mm in round 6, the best was 4.0 mm in round 3.',
    );
  });

  it('copes with one figure and with none', () => {
    const only = (...points: CurvePoint[]): string => curveSummary(curveOf({ sites: [], points }, 'dice'), DICE);
    expect(only(exampleCurvePoint(0, { dice: spread(0.1) }))).toBe('Mean Dice is 0.100 before training.');
    expect(only()).toBe('No model has been measured yet.');
  });
});

describe('diceRange', () => {
  it('leaves room on tenths and stays within 0 to 1', () => {
    expect(diceRange([0.1, 0.5, null, 0.8])).toEqual([0.1, 0.9]);
    expect(diceRange([])).toEqual([0, 1]);
    expect(diceRange([1])).toEqual([0.8, 1]);
  });
});
