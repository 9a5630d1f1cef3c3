import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createBrotliDecompress } from 'node:zlib';
import type { TransferEncoding } from '../protocol/study.js';
import { ContainerError } from '../tensors/container-error.js';
import { containerHeaderEnd, LENGTH_BYTES, readContainerHeader, type ContainerHeader } from '../tensors/header.js';
import { elementCount } from '../tensors/host-tensor.js';
import { BLOCK_VALUES, codedBytes, decodeBlock, encodeBlock } from './block-coding.js';
import { ByteReader } from './byte-reader.js';

/** Every encoding but float32, which is the container itself. */
export type Coding = Exclude<TransferEncoding, 'float32'>;

/** Bytes that can be read from any place: a file, in most cases. */
export interface ByteSource {
  readonly bytes: number;
  /** Fills `into` with the bytes from `position` on. */
  read(position: number, into: Uint8Array): Promise<void>;
}

const CODINGS: Record<Coding, { rounded: boolean; fromBase: boolean }> = {
  float16: { rounded: true, fromBase: false },
  delta: { rounded: false, fromBase: true },
  delta16: { rounded: true, fromBase: true },
};

/** Tensors up to this length are never rounded: statistics, counts and scales, which weigh nothing. */
const EXACT_VALUES = 1024;
/** Of brotli's 11: beyond it minutes buy per cents. */
const BROTLI_QUALITY = 4;

export function needsBase(encoding: TransferEncoding): boolean {
  return encoding !== 'float32' && CODINGS[encoding].fromBase;
}

/** Whether what arrives is what was sent, to the bit. */
export function isLossless(encoding: TransferEncoding): boolean {
  return encoding === 'float32' || !CODINGS[encoding].rounded;
}

/**
 * A float32 container as it travels: its header as it is, then its values in blocks, compressed where they are differences
 * from `base`, a container of the same tensors. Throws ContainerError where the containers are not such.
 */
export async function* encodeTransfer(
  content: ByteSource,
  coding: Coding,
  base: ByteSource | null,
): AsyncGenerator<Uint8Array> {
  const { header, headerBytes } = await headerOf(content);
  requireFloat32(header);
  const before = await baseOf(header, coding, base);
  yield headerBytes;
  const blocks = encodedBlocks(content, header, coding, before);
  if (!CODINGS[coding].fromBase) {
    yield* blocks;
    return;
  }
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  yield* through(blocks, createBrotliCompress({ params }));
}

/**
 * Undoes encodeTransfer, in memory of a few blocks. `bytes` is what the sender says the container has: its header has to
 * agree, and nothing beyond it is taken. Throws ContainerError.
 */
export async function* decodeTransfer(
  wire: AsyncIterable<Uint8Array>,
  coding: Coding,
  { base, bytes }: { base: ByteSource | null; bytes: number },
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(wire);
  const first = await taken(reader, LENGTH_BYTES);
  const rest = await taken(reader, containerHeaderEnd(first, bytes) - LENGTH_BYTES);
  const headerBytes = Buffer.concat([first, rest]);
  const header = readContainerHeader(headerBytes, bytes);
  requireFloat32(header);
  const before = await baseOf(header, coding, base);
  yield headerBytes;
  if (!CODINGS[coding].fromBase) {
    yield* decodedBlocks(reader, header, coding, before);
    return;
  }
  const unpacked = new ByteReader(through(reader.remaining(), createBrotliDecompress()));
  try {
    yield* decodedBlocks(unpacked, header, coding, before);
  } catch (error) {
    throw isBrotliError(error) ? malformed('its compressed bytes cannot be unpacked') : error;
  } finally {
    await unpacked.close();
  }
}

interface Base {
  source: ByteSource;
  /** Where its values begin. */
  dataOffset: number;
}

async function* encodedBlocks(
  content: ByteSource,
  header: ContainerHeader,
  coding: Coding,
  base: Base | null,
): AsyncGenerator<Uint8Array> {
  for (const { begin, count, rounded } of blocksOf(header, coding)) {
    const values = await valuesAt(content, header.dataOffset + begin, count);
    yield encodeBlock(values, base && (await valuesAt(base.source, base.dataOffset + begin, count)), rounded);
  }
}

async function* decodedBlocks(
  reader: ByteReader,
  header: ContainerHeader,
  coding: Coding,
  base: Base | null,
): AsyncGenerator<Uint8Array> {
  for (const { begin, count, rounded } of blocksOf(header, coding)) {
    const coded = await taken(reader, codedBytes(count, rounded));
    const values = new Float32Array(count);
    decodeBlock(coded, base && (await valuesAt(base.source, base.dataOffset + begin, count)), rounded, values);
    yield new Uint8Array(values.buffer);
  }
  if (!(await reader.isAtEnd())) throw malformed('expected it to end with its last value, got more');
}

/** `begin` counts bytes from where the values of the container begin. */
function* blocksOf(
  header: ContainerHeader,
  coding: Coding,
): Generator<{ begin: number; count: number; rounded: boolean }> {
  for (const { begin, shape } of header.entries) {
    const values = elementCount(shape);
    const rounded = CODINGS[coding].rounded && values > EXACT_VALUES;
    for (let start = 0; start < values; start += BLOCK_VALUES) {
      yield { begin: begin - header.dataOffset + 4 * start, count: Math.min(BLOCK_VALUES, values - start), rounded };
    }
  }
}

async function baseOf(header: ContainerHeader, coding: Coding, base: ByteSource | null): Promise<Base | null> {
  if (!CODINGS[coding].fromBase) return null;
  if (base === null) throw new RangeError(`${coding}: expected a base, got none`);
  const { header: former } = await headerOf(base);
  const layout = ({ entries }: ContainerHeader) =>
    entries.map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join('x')}`).join('\n');
  if (layout(former) !== layout(header))
    throw malformed('expected the tensors of its base in the same order, got others');
  return { source: base, dataOffset: former.dataOffset };
}

async function headerOf(source: ByteSource): Promise<{ header: ContainerHeader; headerBytes: Uint8Array }> {
  const first = await bytesAt(source, 0, Math.min(LENGTH_BYTES, source.bytes));
  const headerBytes = await bytesAt(source, 0, containerHeaderEnd(first, source.bytes));
  return { header: readContainerHeader(headerBytes, source.bytes), headerBytes };
}

function requireFloat32({ entries }: ContainerHeader): void {
  const other = entries.find(({ dtype }) => dtype !== 'F32');
  if (other) throw new ContainerError('wrong-dtype', `Transfer: expected tensors of dtype F32, got ${other.dtype}.`);
}

async function bytesAt(source: ByteSource, position: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  await source.read(position, bytes);
  return bytes;
}

async function valuesAt(source: ByteSource, position: number, count: number): Promise<Float32Array> {
  const values = new Float32Array(count);
  await source.read(position, new Uint8Array(values.buffer));
  return values;
}

async function taken(reader: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await reader.take(count);
  if (bytes === null) throw malformed('expected more bytes, got its end');
  return bytes;
}

/** What a transform makes of the pieces, at the pace at which it is read. */
async function* through(pieces: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  // A failure of the pieces destroys the transform, whose reader then meets it.
  const fed = pipeline(pieces, transform).catch(() => undefined);
  try {
    yield* transform as AsyncIterable<Uint8Array>;
  } finally {
    transform.destroy();
    await fed;
  }
}

function isBrotliError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /BROTLI|^ERR__|^Z_/.test(String(error.code));
}

function malformed(detail: string): ContainerError {
  return new ContainerError('malformed-container', `Transfer: ${detail}.`);
}
