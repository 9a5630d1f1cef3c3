import { StudyManifest } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { exampleId } from '../rounds/example.js';
import { parseIds, toggled } from './comparison.js';
import { differences } from './differences.js';

describe('differences', () => {
  it('names what differs by its place in the manifest, and counts what is alike', () => {
    const one = StudyManifest.parse({ name: 'one', rounds: { quorum: 2 } });
    const other = StudyManifest.parse({
      name: 'other',
      rounds: { quorum: 3 },
      aggregation: { rule: { name: 'trimmed-mean' } },
      model: { patch: [64, 64, 32] },
    });
    const { differing, equal } = differences([one, other]);
    expect(differing).toEqual([
      { path: 'name', values: ['one', 'other'] },
      { path: 'model.patch', values: ['112, 112, 80', '64, 64, 32'] },
      { path: 'rounds.quorum', values: ['2', '3'] },
      { path: 'aggregation.rule.name', values: ['fedavg', 'trimmed-mean'] },
      { path: 'aggregation.rule.trim', values: ['–', '0.2'] },
    ]);
    expect(equal).toBeGreaterThan(30);
    expect(differences([one, one])).toEqual({ differing: [], equal: equal + 4 });
  });
});

describe('the choice of studies', () => {
  it('holds ids, at most four, each once', () => {
    const ids = [1, 2, 3, 4, 5].map(exampleId);
    expect(parseIds([...ids, ids[0]].join(','))).toEqual(ids.slice(0, 4));
    expect(parseIds('x,../y')).toEqual([]);
    expect(parseIds(7)).toEqual([]);
    expect(toggled(ids.slice(0, 2), exampleId(1))).toEqual([exampleId(2)]);
    expect(toggled(ids.slice(0, 4), exampleId(9))).toBeNull();
  });
});
