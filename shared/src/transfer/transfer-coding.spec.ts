import { constants, brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random/random.js';
import { ContainerError } from '../tensors/container-error.js';
import { encodeContainer, layOutContainer } from '../tensors/container.js';
import { fromHalf, toHalf } from '../tensors/half.js';
import { float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import { decodeTransfer, encodeTransfer, type ByteSource, type Coding } from './transfer-coding.js';

const CODINGS: Coding[] = ['float16', 'delta', 'delta16'];

function source(bytes: Uint8Array): ByteSource {
  return {
    bytes: bytes.length,
    read: (position, into) => {
      into.set(bytes.subarray(position, position + into.length));
      return Promise.resolve();
    },
  };
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(Uint8Array.from(piece));
  return new Uint8Array(Buffer.concat(parts));
}

/** In pieces of odd lengths, as a socket gives them. */
async function* pieces(bytes: Uint8Array, length = 1013): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
  await Promise.resolve();
}

function model(seed: number, change = 0): NamedTensors {
  const [weights, steps] = [Random.from(seed), Random.from(99)];
  const draw = (count: number) =>
    Float32Array.from({ length: count }, () => 0.05 * weights.normal() + change * steps.normal());
  return new Map([
    ['a.weight', float32Tensor([100_000], draw(100_000))],
    [
      'b.bias',
      float32Tensor(
        [16],
        Float32Array.from({ length: 16 }, (_, i) => i * 1e6),
      ),
    ],
    ['c.empty', float32Tensor([0])],
    ['d.weight', float32Tensor([30, 70], draw(2100))],
  ]);
}

const base = encodeContainer(model(1));
const update = encodeContainer(model(1, 1e-4), { note: 'kept' });

async function roundTrip(content: Uint8Array, coding: Coding): Promise<{ wire: Uint8Array; decoded: Uint8Array }> {
  const wire = await all(encodeTransfer(source(content), coding, source(base)));
  const decoded = await all(decodeTransfer(pieces(wire), coding, { base: source(base), bytes: content.length }));
  return { wire, decoded };
}

const values = (container: Uint8Array) => new Float32Array(container.buffer);

describe('half precision', () => {
  it('gives back each of its numbers, and rounds to the nearest', () => {
    for (let half = 0; half < 1 << 16; half++) {
      const value = fromHalf(half);
      if (!Number.isNaN(value) && toHalf(value) !== half) expect([half, toHalf(value)]).toEqual([half, half]);
    }
    fc.assert(
      fc.property(fc.float({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
        const half = toHalf(value);
        const [here, up, down] = [half, half + 1, half - 1].map((bits) => Math.abs(fromHalf(bits & 0xffff) - value));
        expect(here <= up || Number.isNaN(up)).toBe(true);
        expect(here <= down || Number.isNaN(down) || half === 0 || half === 0x8000).toBe(true);
      }),
    );
    expect([fromHalf(toHalf(1e6)), fromHalf(toHalf(NaN))]).toEqual([Infinity, NaN]);
  });
});

describe('an update on its way', () => {
  it('arrives as it was sent where it is coded without loss', async () => {
    const { wire, decoded } = await roundTrip(update, 'delta');
    expect(Buffer.from(decoded).equals(update)).toBe(true);
    expect(wire.length).toBeLessThan(update.length);
  });

  it.each([
    ['float16', 2 ** -11],
    ['delta16', 2 ** -18],
  ] as const)('arrives within its precision as %s, in about half its bytes or less', async (coding, precision) => {
    const { wire, decoded } = await roundTrip(update, coding);
    expect(decoded.length).toBe(update.length);
    const [sent, came] = [values(update), values(decoded)];
    const { entries } = layOutContainer([...model(1)].map(([name, { dtype, shape }]) => ({ name, dtype, shape })));
    expect(entries).toHaveLength(4);
    let worst = 0;
    for (let i = update.length / 4 - 102_116; i < sent.length; i++)
      worst = Math.max(worst, Math.abs(sent[i] - came[i]) / Math.max(Math.abs(sent[i]), 0.05));
    expect(worst).toBeLessThan(precision);
    expect(wire.length).toBeLessThan(0.52 * update.length);
  });

  it('without loss survives any bits, also those of no number', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer(), { minLength: 50, maxLength: 50 }), async (bits) => {
        const shape = { name: 'x', dtype: 'float32' as const, shape: [50] };
        const layout = layOutContainer([shape]);
        const of = (data: Int32Array) => new Uint8Array([...layout.headerBytes, ...new Uint8Array(data.buffer)]);
        const [content, before] = [of(Int32Array.from(bits)), of(Int32Array.from(bits.toReversed()))];
        const wire = await all(encodeTransfer(source(content), 'delta', source(before)));
        const decoded = await all(
          decodeTransfer(pieces(wire), 'delta', { base: source(before), bytes: content.length }),
        );
        expect(decoded).toEqual(content);
      }),
      { numRuns: 30 },
    );
  });
});

describe('bytes that are no transfer', () => {
  const decode = (wire: Uint8Array, coding: Coding, bytes = update.length) =>
    all(decodeTransfer(pieces(wire), coding, { base: source(base), bytes }));

  it.each(CODINGS)('are refused where they end early, go on, or are spoilt (%s)', async (coding) => {
    const { wire } = await roundTrip(update, coding);
    await expect(decode(wire.subarray(0, -100), coding)).rejects.toThrow(ContainerError);
    await expect(decode(wire.subarray(0, 5), coding)).rejects.toThrow(ContainerError);
    if (coding === 'float16') await expect(decode(new Uint8Array([...wire, 0]), coding)).rejects.toThrow('got more');
    await expect(decode(wire, coding, update.length - 4)).rejects.toThrow(ContainerError);
    await expect(decode(Uint8Array.from(wire).fill(255, 0, 8), coding)).rejects.toThrow('claims');
    if (coding === 'float16') return;
    // Spoilt bytes may still unpack, to other values: those the digest gives away.
    const spoilt = await decode(Uint8Array.from(wire).fill(7, 1200, 1400), coding).catch((error: unknown) => error);
    expect(spoilt instanceof ContainerError || !Buffer.from(update).equals(spoilt as Uint8Array)).toBe(true);
  });

  it('A14 are not unpacked beyond what they declare', async () => {
    const { headerBytes } = layOutContainer([{ name: 'x', dtype: 'float32', shape: [10] }]);
    const small = new Uint8Array([...headerBytes, ...new Uint8Array(40)]);
    // 300 MB of zeros in a few hundred bytes.
    const bomb = brotliCompressSync(Buffer.alloc(300 << 20), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
    const wire = new Uint8Array([...headerBytes, ...bomb]);
    const before = process.memoryUsage().arrayBuffers;
    const decoding = all(decodeTransfer(pieces(wire), 'delta', { base: source(small), bytes: small.length }));
    await expect(decoding).rejects.toThrow('got more');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(400 << 20);
  });

  it('are refused against a base of other tensors', async () => {
    const other = encodeContainer(new Map([['a.weight', float32Tensor([3])]]));
    await expect(all(encodeTransfer(source(update), 'delta', source(other)))).rejects.toThrow('tensors of its base');
  });
});
