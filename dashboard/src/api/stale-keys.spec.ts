import { describe, expect, it } from 'vitest';
import { staleKeys } from './stale-keys.js';

describe('staleKeys', () => {
  it('refetches a round itself and the tables that list it', () => {
    expect(staleKeys({ topic: 'round', id: 'r1' })).toEqual([['rounds', 'r1'], ['study-rounds']]);
  });

  it('refetches what is derived from the models of a study when it has a new one', () => {
    expect(staleKeys({ topic: 'model', id: 's1' })).toEqual([
      ['studies'],
      ['study-rounds', 's1'],
      ['curves', 's1'],
      ['lineage', 's1'],
    ]);
  });

  it('refetches a study in the list and on its own page', () => {
    expect(staleKeys({ topic: 'study', id: 's1' })).toEqual([['studies'], ['study-rounds', 's1']]);
  });
});
