import { fromHalf, toHalf } from '../tensors/half.js';

/** Values that are coded together; a block lies within one tensor. */
export const BLOCK_VALUES = 1 << 16;
/** The largest magnitude of a rounded block is scaled to below this power of two: well inside what 16 bits hold. */
const TOP_EXPONENT = 15;

/** `rounded`: 16 bits a value, and one byte for the block's scale; otherwise 32 bits, without loss. */
export function codedBytes(count: number, rounded: boolean): number {
  return rounded ? 1 + 2 * count : 4 * count;
}

/**
 * Bytes of one block, planes first: all lowest bytes, then all next ones, so that the bytes that hardly vary lie together.
 * With a base what is coded is the difference: rounded, of the numbers; without loss, of their bit patterns.
 */
export function encodeBlock(values: Float32Array, base: Float32Array | null, rounded: boolean): Uint8Array {
  return rounded ? encodeRounded(values, base) : encodeExact(values, base);
}

/** Undoes encodeBlock; `bytes` has exactly codedBytes of `into`. */
export function decodeBlock(bytes: Uint8Array, base: Float32Array | null, rounded: boolean, into: Float32Array): void {
  if (bytes.length !== codedBytes(into.length, rounded))
    throw new RangeError(`block of ${into.length} values: expected other than ${bytes.length} bytes`);
  if (rounded) decodeRounded(bytes, base, into);
  else decodeExact(bytes, base, into);
}

function encodeExact(values: Float32Array, base: Float32Array | null): Uint8Array {
  const count = values.length;
  const now = new Int32Array(values.buffer, values.byteOffset, count);
  const before = base && new Int32Array(base.buffer, base.byteOffset, count);
  const bytes = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) {
    const difference = before ? (now[i] - before[i]) | 0 : now[i];
    // Zigzag: small differences of either sign have high bytes of zero.
    const code = before ? (difference << 1) ^ (difference >> 31) : difference;
    bytes[i] = code;
    bytes[count + i] = code >>> 8;
    bytes[2 * count + i] = code >>> 16;
    bytes[3 * count + i] = code >>> 24;
  }
  return bytes;
}

function decodeExact(bytes: Uint8Array, base: Float32Array | null, into: Float32Array): void {
  const count = into.length;
  const now = new Int32Array(into.buffer, into.byteOffset, count);
  const before = base && new Int32Array(base.buffer, base.byteOffset, count);
  for (let i = 0; i < count; i++) {
    const code = bytes[i] | (bytes[count + i] << 8) | (bytes[2 * count + i] << 16) | (bytes[3 * count + i] << 24);
    now[i] = before ? (before[i] + ((code >>> 1) ^ -(code & 1))) | 0 : code;
  }
}

function encodeRounded(values: Float32Array, base: Float32Array | null): Uint8Array {
  const count = values.length;
  const exponent = exponentOf(values, base);
  const scale = 2 ** -exponent;
  const bytes = new Uint8Array(1 + 2 * count);
  bytes[0] = exponent + 128;
  for (let i = 0; i < count; i++) {
    const half = toHalf((base ? values[i] - base[i] : values[i]) * scale);
    bytes[1 + i] = half;
    bytes[1 + count + i] = half >>> 8;
  }
  return bytes;
}

function decodeRounded(bytes: Uint8Array, base: Float32Array | null, into: Float32Array): void {
  const count = into.length;
  const scale = 2 ** (bytes[0] - 128);
  for (let i = 0; i < count; i++) {
    const value = fromHalf(bytes[1 + i] | (bytes[1 + count + i] << 8)) * scale;
    into[i] = base ? base[i] + value : value;
  }
}

/** Of two, so that the block's largest magnitude times its inverse lies just below 2^TOP_EXPONENT. */
function exponentOf(values: Float32Array, base: Float32Array | null): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(base ? values[i] - base[i] : values[i]);
    if (size > largest && size < Infinity) largest = size;
  }
  if (largest === 0) return 0;
  return Math.max(-128, Math.min(127, Math.floor(Math.log2(largest)) + 1 - TOP_EXPONENT));
}
