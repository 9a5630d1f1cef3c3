import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContainer } from '../tensors/container.js';
import { readContainerHeader } from '../tensors/header.js';
import { float32Tensor, type HostTensor } from '../tensors/host-tensor.js';
import { admitContainer } from './admit-container.js';
import type { ExpectedTensor } from './expected-tensor.js';
import { ValueCheck } from './value-check.js';
import { powerOfTwoFrom, valueRange } from './value-range.js';

const tensors: ExpectedTensor[] = [
  { name: 'a', shape: [4], kind: 'weight' },
  { name: 'b', shape: [1], kind: 'scalar' },
];

function refusal(named: Record<string, HostTensor>): string | null {
  const bytes = encodeContainer(new Map(Object.entries(named)));
  const refused = admitContainer(readContainerHeader(bytes, bytes.length), tensors);
  return refused === null ? null : `${refused.reason}: ${refused.sentence}`;
}

const a = float32Tensor([4]);
const b = float32Tensor([1]);

describe('admission of a container', () => {
  it('takes exactly the tensors of the study', () => {
    expect(refusal({ b, a })).toBeNull();
  });

  it.each<[string, Record<string, HostTensor>, string]>([
    ['a missing tensor', { a }, 'tensor-missing: Update: expected 2 tensors, among them "b", got 1 without it.'],
    [
      'an extra tensor',
      { a, b, c: b },
      'tensor-unexpected: Update: expected the 2 tensors of the study, got "c" as well.',
    ],
    ['shape [1] for [4]', { a: float32Tensor([1]), b }, 'wrong-shape: Tensor "a": expected shape [4], got [1].'],
    [
      'shape [4, 1] for [4]',
      { a: float32Tensor([4, 1]), b },
      'wrong-shape: Tensor "a": expected shape [4], got [4, 1].',
    ],
    [
      'another dtype',
      { a, b: { shape: [1], dtype: 'float64', data: new Float64Array(1) } satisfies HostTensor },
      'wrong-dtype: Tensor "b": expected dtype F32, got F64.',
    ],
  ])('A14 refuses %s', (_, named, expected) => {
    expect(refusal(named)).toBe(expected);
  });
});

describe('admission of values', () => {
  const check = new ValueCheck(8);
  const refusalOf = (values: number[], start: number) => {
    check.place(values.length).set(values);
    return check.refusal('w', { low: -1024, high: 1024 }, { start, length: values.length });
  };

  it.each([
    [NaN, 'not-finite', 'Tensor "w": expected finite values, got NaN at index 101.'],
    [-Infinity, 'not-finite', 'Tensor "w": expected finite values, got -Infinity at index 101.'],
    [1025, 'out-of-bounds', 'Tensor "w": expected values from -1024 to 1024, got 1025 at index 101.'],
  ])('A14 refuses %s and says where', (value, reason, sentence) => {
    expect(refusalOf([0, value], 100)).toEqual({ reason, sentence });
  });

  it('takes both ends of the range', () => {
    expect(refusalOf([-1024, 1024, -0], 0)).toBeNull();
  });

  it('derives the range from the base model', () => {
    expect(valueRange({ name: 'w', shape: [1], kind: 'weight' }, 0.1)).toEqual({ low: -1024, high: 1024 });
    expect(valueRange({ name: 'w', shape: [1], kind: 'weight' }, 3)).toEqual({ low: -4096, high: 4096 });
    expect(valueRange({ name: 'x.running_var', shape: [1], kind: 'statistic' }, 1).low).toBe(0);
    expect(valueRange({ name: 'prior.class_support', shape: [1], kind: 'prior' }, 9).low).toBe(0);
    expect(() => valueRange({ name: 'w', shape: [1], kind: 'weight' }, NaN)).toThrow('expected a finite base');
  });

  it('finds the smallest power of two', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -300, max: 2 ** 300, noNaN: true }), (value) => {
        const power = powerOfTwoFrom(value);
        expect(power >= value && power / 2 < value && Number.isInteger(Math.log2(power))).toBe(true);
      }),
    );
    for (let exponent = -1000; exponent <= 1000; exponent++) expect(powerOfTwoFrom(2 ** exponent)).toBe(2 ** exponent);
  });
});
