import { describe, expect, it } from 'vitest';
import { Random } from '../random/random.js';
import { ChangeSketch, cosineToMean } from './change-sketch.js';
import { outliers, type JudgedUpdate } from './outliers.js';

const VALUES = 50_000;
const random = Random.from(7, 'outliers');
const normals = (count: number, scale: number) => Float32Array.from({ length: count }, () => scale * random.normal());
const base = normals(VALUES, 1);
const common = normals(VALUES, 0.1);

/** An honest site's change: what all share and as much of its own. */
function change(factor = 1): Float32Array {
  const own = normals(VALUES, 0.1);
  return base.map((value, i) => value + factor * (common[i] + own[i]));
}

function judged(id: string, update: Float32Array, window = 7_001): JudgedUpdate & { baseNorm: number } {
  const sketch = new ChangeSketch();
  for (let start = 0; start < VALUES; start += window)
    sketch.add(update.subarray(start, start + window), base.subarray(start, start + window));
  return { id, ...sketch.finish() };
}

const SETTINGS = { quarantineNorm: 10, quarantineCosine: -0.3 };
const honest = ['a', 'b', 'c', 'd', 'e'].map((id) => judged(id, change()));

describe('a sketch of a change', () => {
  it('does not depend on the windows, and has the exact norm', () => {
    const update = change();
    const [small, large] = [judged('x', update, 100), judged('x', update, VALUES)];
    expect(small.sketch).toEqual(large.sketch);
    const exact = Math.sqrt(update.reduce((sum, value, i) => sum + (value - base[i]) ** 2, 0));
    expect(small.norm / exact).toBeCloseTo(1, 9);
    expect(small.baseNorm / Math.sqrt(base.reduce((sum, value) => sum + value * value, 0))).toBeCloseTo(1, 9);
  });

  it('keeps cosines within a few hundredths', () => {
    const [a, b] = [change(), change()];
    const differences = [a, b].map((update) => Float64Array.from(update, (value, i) => value - base[i]));
    const dot = (x: ArrayLike<number>, y: ArrayLike<number>) => {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
      return sum;
    };
    const cosine = (x: ArrayLike<number>, y: ArrayLike<number>) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
    expect(cosine(judged('a', a).sketch, judged('b', b).sketch)).toBeCloseTo(cosine(differences[0], differences[1]), 1);
  });
});

describe('outliers', () => {
  it('are none among honest updates, however different their steps', () => {
    expect(outliers([...honest, judged('f', change(3))], SETTINGS)).toEqual(new Map());
  });

  it('are an update that is far too long, and one that points against the others', () => {
    const long = judged('long', change(40));
    const against = judged('against', change(-1));
    const found = outliers([...honest, long, against], SETTINGS);
    expect([...found].map(([id, { reason }]) => [id, reason])).toEqual([
      ['long', 'norm'],
      ['against', 'direction'],
    ]);
    expect(found.get('long')!.sentence).toMatch(/expected a change of at most 10 times .*, got one of/);
  });

  it('do not depend on the order of arrival', () => {
    const all = [...honest, judged('long', change(40)), judged('against', change(-1))];
    const sorted = (map: Map<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(outliers([...all].reverse(), SETTINGS))).toEqual(sorted(outliers(all, SETTINGS)));
  });

  it('are not looked for among three, nor where the study says so', () => {
    expect(outliers([...honest.slice(0, 2), judged('long', change(40))], SETTINGS).size).toBe(0);
    const off = { quarantineNorm: null, quarantineCosine: null };
    expect(outliers([...honest, judged('long', change(40))], off).size).toBe(0);
  });

  it('are no updates without any change', () => {
    const still = ['a', 'b', 'c', 'd'].map((id) => judged(id, base));
    expect(outliers(still, SETTINGS).size).toBe(0);
  });
});

describe('cosineToMean', () => {
  it('is that of the whole changes, within what a sketch of this size estimates', () => {
    const updates = [change(1), change(1), change(3)];
    const others = updates.map((update, i) => ({ sketch: judged('', update).sketch, weight: [2, 1, 1][i] }));
    const differences = updates.map((update) => update.map((value, i) => value - base[i]));
    const mean = base.map((_, i) => 2 * differences[0][i] + differences[1][i] + differences[2][i]);
    for (const [i, difference] of differences.entries()) {
      const exact = dotOf(difference, mean) / Math.sqrt(dotOf(difference, difference) * dotOf(mean, mean));
      expect(Math.abs(cosineToMean(others[i].sketch, others)! - exact)).toBeLessThan(0.06);
    }
  });

  it('is unknown where there is no change', () => {
    const { sketch } = judged('', change());
    expect(cosineToMean(sketch, [])).toBeNull();
    expect(cosineToMean(new Float32Array(sketch.length), [{ sketch, weight: 1 }])).toBeNull();
  });
});

function dotOf(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
