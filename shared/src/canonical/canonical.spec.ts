import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, parseCanonicalJson } from './canonical.js';

describe('canonical JSON', () => {
  it('is taken exactly where writing the value again gives the same text', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary', maxDepth: 4 }), (text) => {
        const value: unknown = JSON.parse(text);
        const canonical = canonicalJson(value);
        expect(parseCanonicalJson(canonical)).toEqual(JSON.parse(canonical));
        expect(parseCanonicalJson(text) !== undefined).toBe(text === canonical);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['another order', '{"b":1,"a":2}'],
    ['another order further in', '[{"a":{"c":1,"b":2}}]'],
    ['a name twice', '{"a":1,"a":1}'],
    ['space', '{"a": 1}'],
    ['a longer number', '{"a":1.0}'],
    ['an escape that need not be', '"\\u0061"'],
    ['no JSON', '{'],
    ['a newline behind it', '{}\n'],
  ])('is not taken with %s', (_, text) => expect(parseCanonicalJson(text)).toBeUndefined());

  it('sorts names that look like numbers as text', () => {
    expect(parseCanonicalJson('{"10":1,"9":2}')).toEqual({ 10: 1, 9: 2 });
    expect(parseCanonicalJson('{"9":2,"10":1}')).toBeUndefined();
  });
});
