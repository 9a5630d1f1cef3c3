import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContainerError } from './container-error.js';
import { decodeContainer, encodeContainer } from './container.js';
import { containerHeaderEnd, readContainerHeader } from './header.js';
import { elementCount, float32Tensor, float32Values, type HostTensor } from './host-tensor.js';

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
const values: Record<HostTensor['dtype'], (count: number) => HostTensor['data']> = {
  float64: (count) => Float64Array.from({ length: count }, (_, i) => i / 3),
  float32: (count) => Float32Array.from({ length: count }, (_, i) => i / 3),
  float16: (count) => Uint16Array.from({ length: count }, (_, i) => i),
  bfloat16: (count) => Uint16Array.from({ length: count }, (_, i) => i),
  int64: (count) => BigInt64Array.from({ length: count }, (_, i) => BigInt(-i)),
  int32: (count) => Int32Array.from({ length: count }, (_, i) => -i),
  int16: (count) => Int16Array.from({ length: count }, (_, i) => -i),
  int8: (count) => Int8Array.from({ length: count }, (_, i) => -i),
  uint8: (count) => Uint8Array.from({ length: count }, (_, i) => i),
  bool: (count) => Uint8Array.from({ length: count }, (_, i) => i % 2),
};
const tensors = fc
  .tuple(shapes, fc.constantFrom(...(Object.keys(values) as HostTensor['dtype'][])))
  .map(([shape, dtype]) => ({ shape, dtype, data: values[dtype](elementCount(shape)) }) as HostTensor);
const names = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('0', '10', '__proto__', 'constructor', 'a"b\\'));
const containers = fc
  .tuple(fc.array(fc.tuple(names, tensors), { maxLength: 6 }), fc.dictionary(names, fc.string()))
  .map(([entries, metadata]) => ({ named: new Map(entries), metadata }))
  .filter(({ named }) => !named.has('__metadata__'));

/** A container with this header and `dataBytes` zeros behind it. */
function withHeader(header: string, dataBytes = 0, claimed?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function refusalOf(bytes: Uint8Array): string {
  try {
    decodeContainer(bytes);
  } catch (error) {
    if (error instanceof ContainerError) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('tensor container', () => {
  it('gives back every tensor and text, whatever the names, shapes and alignment', () => {
    fc.assert(
      fc.property(containers, fc.integer({ min: 0, max: 7 }), ({ named, metadata }, shift) => {
        const encoded = encodeContainer(named, metadata);
        const shifted = new Uint8Array(encoded.length + shift).subarray(shift);
        shifted.set(encoded);
        const decoded = decodeContainer(shifted);
        expect(new Map([...decoded.tensors].sort())).toEqual(new Map([...named].sort()));
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same bytes for another order of insertion', () => {
    fc.assert(
      fc.property(containers, ({ named, metadata }) => {
        const reversed = new Map([...named].reverse());
        const backwards = Object.fromEntries(Object.entries(metadata).reverse());
        expect(encodeContainer(reversed, backwards)).toEqual(encodeContainer(named, metadata));
      }),
    );
  });

  it('views the bytes where they are aligned, and copies from an unaligned Node buffer', () => {
    const encoded = encodeContainer(new Map([['a', float32Tensor([2], Float32Array.of(1, 2))]]));
    expect(decodeContainer(encoded).tensors.get('a')!.data.buffer).toBe(encoded.buffer);
    const odd = Buffer.alloc(encoded.length + 1).subarray(1);
    odd.set(encoded);
    expect(decodeContainer(odd).tensors.get('a')!.data).toEqual(Float32Array.of(1, 2));
  });

  it('A14 never returns a tensor whose data and shape differ, nor fails but with a ContainerError', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(containers, damage, fc.nat(), fc.boolean(), ({ named, metadata }, changes, cut, truncate) => {
        const encoded = encodeContainer(named, metadata);
        for (const [at, byte] of changes) encoded[at % encoded.length] = byte;
        const bytes = truncate ? encoded.subarray(0, cut % encoded.length) : encoded;
        try {
          for (const { shape, data } of decodeContainer(bytes).tensors.values()) {
            expect(data.length).toBe(elementCount(shape));
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ContainerError);
          expect((error as ContainerError).message.length).toBeLessThan(1000);
        }
      }),
      { numRuns: 500 },
    );
  });

  const f32 = (begin: number, end: number, shape = '[1]') =>
    `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
  it.each([
    ['too short', new Uint8Array(7), 'expected at least 8 bytes, got 7'],
    ['a header that claims 10 GB', withHeader('{}', 0, 10_000_000_000n), 'got one that claims 10000000000'],
    ['a header that claims 2^64 - 1', withHeader('{}', 0, 2n ** 64n - 1n), 'got one that claims 18446744073709551615'],
    ['a header longer than the file', withHeader('{}', 0, 3n), 'expected a header of 3 bytes, got a file of 10 bytes'],
    ['no JSON', withHeader('{"a":'), 'does not parse'],
    ['a list', withHeader('[1]'), 'begins with {'],
    ['deep nesting', withHeader(`{"a":${'['.repeat(500_000)}`), 'does not parse'],
    [
      'a repeated tensor',
      withHeader(`{"a":${f32(0, 4)},"a":${f32(4, 8)}}`, 8),
      'expected each key once, got "a" twice',
    ],
    ['a repeated tensor in disguise', withHeader(`{"a":${f32(0, 4)},"\\u0061":${f32(4, 8)}}`, 8), 'got "a" twice'],
    ['an overlap', withHeader(`{"a":${f32(0, 4)},"b":${f32(0, 4)}}`, 4), 'overlap'],
    ['a gap', withHeader(`{"a":${f32(4, 8)}}`, 8), 'gap'],
    ['bytes behind the last tensor', withHeader(`{"a":${f32(0, 4)}}`, 5), 'by its header'],
    ['offsets beyond the file', withHeader(`{"a":${f32(0, 4)}}`, 3), 'by its header'],
    ['a negative side', withHeader(`{"a":${f32(0, 4, '[-1]')}}`, 4), 'none negative'],
    ['a side of 1e300', withHeader(`{"a":${f32(0, 4, '[1e300]')}}`, 4), 'none negative'],
    [
      'sides whose product overflows',
      withHeader(`{"a":${f32(0, 4, '[9007199254740991,9007199254740991]')}}`, 4),
      'expected 3.',
    ],
    ['a negative offset', withHeader(`{"a":${f32(-4, 0)}}`), 'data_offsets'],
    ['a shape that needs other bytes', withHeader(`{"a":${f32(0, 4, '[4]')}}`, 4), 'expected 16 bytes for F32 [4]'],
    ['a rank of 9', withHeader(`{"a":${f32(0, 4, '[1,1,1,1,1,1,1,1,1]')}}`, 4), 'at most 8'],
    ['an extra key', withHeader('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4), 'exactly dtype'],
    ['metadata of numbers', withHeader('{"__metadata__":{"a":1}}'), 'expected __metadata__ of texts'],
  ])('A14 refuses %s', (_, bytes, sentence) => {
    expect(refusalOf(bytes)).toMatch(/^malformed-container: Container: .*\.$/);
    expect(refusalOf(bytes)).toContain(sentence);
  });

  it('A14 refuses an unknown dtype by name', () => {
    const refusal = refusalOf(withHeader('{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}', 1));
    expect(refusal).toMatch(/^wrong-dtype: .*expected a dtype of F64, .* got "F8"\.$/);
  });

  it('reads a header without the tensors, and cuts a long name in its sentence', () => {
    const encoded = encodeContainer(new Map([['a', float32Tensor([1000])]]));
    const end = containerHeaderEnd(encoded.subarray(0, 8), encoded.length);
    const header = readContainerHeader(encoded.subarray(0, end), encoded.length);
    expect(header.entries).toEqual([{ name: 'a', dtype: 'F32', shape: [1000], begin: end, end: end + 4000 }]);
    expect(refusalOf(withHeader(`{"${'n'.repeat(1_000_000)}":1}`)).length).toBeLessThan(300);
  });

  it('reads half precision as float32', () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00);
    expect(float32Values({ shape: [5], dtype: 'float16', data: half })).toEqual(
      Float32Array.of(1, -2, 65504, 2 ** -24, Infinity),
    );
    const brain = Uint16Array.of(0x3f80, 0xc000);
    expect(float32Values({ shape: [2], dtype: 'bfloat16', data: brain })).toEqual(Float32Array.of(1, -2));
  });
});
