import { describe, expect, it } from 'vitest';
import { formatChange, formatCount, formatDice, formatLoss, NONE, plural } from './figures.js';
import { formatBytes, shortDigest } from './size.js';
import { formatAgo, formatSpan } from './time.js';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [19_849_000, '19.8 MB'],
    [99_960_000, '100 MB'],
    [999_600, '1.00 MB'],
    [2.5e12, '2.50 TB'],
    [7e15, '7000 TB'],
  ])('shows %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('figures', () => {
  it('shows a dash where there is no figure, and a zero where there is one', () => {
    expect([formatDice(null), formatLoss(null), formatCount(null)]).toEqual([NONE, NONE, NONE]);
    expect([formatDice(0), formatLoss(0), formatCount(0)]).toEqual(['0.000', '0.000', '0']);
  });

  it('keeps a diverging loss readable', () => {
    expect(formatLoss(0.34567)).toBe('0.346');
    expect(formatLoss(123456.7)).toBe('1.235e+5');
  });

  it('gives a change its sign, unless it rounds to none', () => {
    expect([0.0214, -0.0214, 0.0001, -0.0001].map(formatChange)).toEqual(['+0.021', '−0.021', '±0.000', '±0.000']);
  });

  it('counts in words', () => {
    expect([plural(1, 'update'), plural(0, 'update'), plural(1200, 'site')]).toEqual([
      '1 update',
      '0 updates',
      '1,200 sites',
    ]);
  });

  it('names a digest by its first twelve characters', () => {
    expect(shortDigest('0123456789abcdef'.repeat(4))).toBe('0123456789ab');
  });
});

describe('formatSpan', () => {
  it.each([
    [-5, '0 s'],
    [12_400, '12 s'],
    [60_000, '1 min'],
    [252_000, '4 min 12 s'],
    [86_399_000, '23 h 59 min'],
    [86_400_000, '1 d'],
    [187_200_000, '2 d 4 h'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });
});

describe('formatAgo', () => {
  const now = Date.parse('2026-03-04T12:00:00Z');
  it.each([
    ['2026-03-04T12:00:03Z', 'just now'],
    ['2026-03-04T11:59:48Z', '12 s ago'],
    ['2026-03-04T11:56:10Z', '3 min ago'],
    ['2026-03-04T09:00:00Z', '3 h ago'],
    ['2026-02-28T09:00:00Z', '4 d ago'],
  ])('%s is %s', (instant, text) => {
    expect(formatAgo(instant, now)).toBe(text);
  });
});
