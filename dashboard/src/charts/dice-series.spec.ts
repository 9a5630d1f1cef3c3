import { describe, expect, it } from 'vitest';
import { exampleRound } from '../rounds/example.js';
import { diceRange, diceSeries, diceSummary } from './dice-series.js';

const evaluation = (site: string, dice: number) => ({ site, dice, hd95: 4.2, volumes: 2 });

const rounds = [
  exampleRound(1, { dice: 0.5, evaluations: [evaluation('north', 0.4), evaluation('abbey', 0.6)] }),
  exampleRound(2, { state: 'aborted' }),
  exampleRound(3, { dice: 0.75, evaluations: [evaluation('abbey', 0.8), evaluation('north', 0.7)] }),
  exampleRound(4, { dice: null }),
  exampleRound(5, { state: 'open' }),
];

describe('diceSeries', () => {
  it('keeps committed rounds, aligns the sites by name and starts at the initial model', () => {
    expect(diceSeries(rounds, 0.1)).toEqual({
      rounds: [0, 1, 3, 4],
      mean: [0.1, 0.5, 0.75, null],
      sites: [
        { site: 'abbey', dice: [null, 0.6, 0.8, null] },
        { site: 'north', dice: [null, 0.4, 0.7, null] },
      ],
    });
  });

  it('has no round 0 when nobody measured the initial model', () => {
    expect(diceSeries(rounds, null).rounds).toEqual([1, 3, 4]);
  });
});

describe('diceSummary', () => {
  it('says how far Dice came, whether that is the best, and how far sites are apart', () => {
    expect(diceSummary(diceSeries(rounds, 0.1))).toBe(
      'Mean Dice rose from 0.100 before training to 0.750 in round 3, the best so far; 2 sites from 0.700 to 0.800.',
    );
  });

  it('names the best round when the last one is not', () => {
    const fallen = [...rounds, exampleRound(6, { dice: 0.4 })];
    expect(diceSummary(diceSeries(fallen, null))).toBe(
      'Mean Dice fell from 0.500 in round 1 to 0.400 in round 6, the best was 0.750 in round 3.',
    );
  });

  it('copes with one figure and with none', () => {
    expect(diceSummary(diceSeries([], 0.1))).toBe('Mean Dice is 0.100 before training.');
    expect(diceSummary(diceSeries([], null))).toBe('No model has been evaluated yet.');
  });
});

describe('diceRange', () => {
  it('leaves room on tenths and stays within 0 to 1', () => {
    expect(diceRange(diceSeries(rounds, 0.1))).toEqual([0.1, 0.9]);
    expect(diceRange(diceSeries([], null))).toEqual([0, 1]);
    expect(diceRange(diceSeries([exampleRound(1, { dice: 1 })], null))).toEqual([0.8, 1]);
  });
});
