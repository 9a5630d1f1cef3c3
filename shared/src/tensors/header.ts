import { containerDtypes, isContainerDtype, type ContainerDtype } from './dtype.js';
import { ContainerError, quoted } from './container-error.js';
import { repeatedKey } from './json-keys.js';

/** One tensor of a container; `begin` and `end` count bytes from the start of the file. */
export interface ContainerEntry {
  name: string;
  dtype: ContainerDtype;
  shape: number[];
  begin: number;
  end: number;
}

export interface ContainerHeader {
  /** In the order of their bytes, without gap or overlap, the last one ending at `totalBytes`. */
  entries: ContainerEntry[];
  metadata: Record<string, string>;
  /** Where the first tensor's bytes begin. */
  dataOffset: number;
  totalBytes: number;
}

export interface ContainerLimits {
  headerBytes: number;
  tensors: number;
  rank: number;
}

/** A V-Net of this project has about 300 tensors and a header of 30 KB. */
export const containerLimits: ContainerLimits = { headerBytes: 1 << 20, tensors: 10_000, rank: 8 };

/** Bytes of the length that a container begins with: an unsigned 64-bit number, little-endian. */
export const LENGTH_BYTES = 8;

/**
 * How many bytes to read before `readContainerHeader` can be called, from the first 8 bytes of a file of `totalBytes`.
 * Throws ContainerError where the length is absurd, so that nobody allocates what a header only claims.
 */
export function containerHeaderEnd(firstBytes: Uint8Array, totalBytes: number, limits = containerLimits): number {
  if (firstBytes.length < LENGTH_BYTES || totalBytes < LENGTH_BYTES) {
    throw malformed(`expected at least ${LENGTH_BYTES} bytes, got ${Math.min(firstBytes.length, totalBytes)}`);
  }
  const view = new DataView(firstBytes.buffer, firstBytes.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(limits.headerBytes)) {
    throw malformed(`expected a header of at most ${limits.headerBytes} bytes, got one that claims ${length}`);
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > totalBytes) throw malformed(`expected a header of ${length} bytes, got a file of ${totalBytes} bytes`);
  return end;
}

/** `firstBytes` holds at least the whole header; `totalBytes` is the size of the file. Throws ContainerError. */
export function readContainerHeader(
  firstBytes: Uint8Array,
  totalBytes: number,
  limits = containerLimits,
): ContainerHeader {
  const dataOffset = containerHeaderEnd(firstBytes, totalBytes, limits);
  if (firstBytes.length < dataOffset) {
    throw new RangeError(`container header: expected its ${dataOffset} bytes, got ${firstBytes.length}`);
  }
  const document = parseHeader(firstBytes.subarray(LENGTH_BYTES, dataOffset));
  const metadata: Record<string, string> = {};
  const entries: ContainerEntry[] = [];
  for (const [name, value] of Object.entries(document)) {
    if (name === '__metadata__') readMetadata(value, metadata);
    else entries.push(readEntry(name, value, dataOffset, limits));
  }
  if (entries.length > limits.tensors) {
    throw malformed(`expected at most ${limits.tensors} tensors, got ${entries.length}`);
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  requireTiling(entries, dataOffset, totalBytes);
  return { entries, metadata, dataOffset, totalBytes };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw malformed('expected a header that begins with {, got something else');
  let text: string;
  let document: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    document = JSON.parse(text);
  } catch {
    throw malformed('expected a header of UTF-8 JSON, got text that does not parse');
  }
  const repeated = repeatedKey(text);
  if (repeated !== null) throw malformed(`expected each key once, got ${quoted(repeated)} twice`);
  return document as Record<string, unknown>;
}

function readMetadata(value: unknown, into: Record<string, string>): void {
  if (!isRecord(value)) throw malformed('expected __metadata__ to be an object of texts');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw malformed(`expected __metadata__ of texts, got a ${typeof text} at ${quoted(key)}`);
    Object.defineProperty(into, key, { value: text, enumerable: true, configurable: true, writable: true });
  }
}

function readEntry(name: string, value: unknown, dataOffset: number, limits: ContainerLimits): ContainerEntry {
  if (!isRecord(value) || Object.keys(value).length !== 3) {
    throw malformed(`tensor ${quoted(name)}: expected exactly dtype, shape and data_offsets`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isContainerDtype(dtype)) {
    const known = Object.keys(containerDtypes).join(', ');
    const got = typeof dtype === 'string' ? quoted(dtype) : typeof dtype;
    throw new ContainerError(
      'wrong-dtype',
      `Container: tensor ${quoted(name)}: expected a dtype of ${known}, got ${got}.`,
    );
  }
  if (!isSizes(shape) || shape.length > limits.rank) {
    throw malformed(`tensor ${quoted(name)}: expected a shape of at most ${limits.rank} whole numbers, none negative`);
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw malformed(`tensor ${quoted(name)}: expected data_offsets of two whole numbers, none negative`);
  }
  const expected = shape.reduce((product, side) => product * side, containerDtypes[dtype].bytes);
  if (offsets[1] - offsets[0] !== expected) {
    throw malformed(
      `tensor ${quoted(name)}: expected ${expected} bytes for ${dtype} [${shape.join(', ')}], got offsets ${offsets.join(' to ')}`,
    );
  }
  return { name, dtype, shape, begin: dataOffset + offsets[0], end: dataOffset + offsets[1] };
}

/** A byte that no tensor owns could carry anything past admission; a byte that two own would count twice. */
function requireTiling(entries: ContainerEntry[], dataOffset: number, totalBytes: number): void {
  let end = dataOffset;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const got = entry.begin > end ? 'a gap before it' : 'an overlap with the one before it';
      throw malformed(`tensor ${quoted(entry.name)}: expected its bytes to begin at ${end} of the file, got ${got}`);
    }
    end = entry.end;
  }
  if (end !== totalBytes) throw malformed(`expected a file of ${end} bytes by its header, got ${totalBytes}`);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((side) => Number.isSafeInteger(side) && side >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(detail: string): ContainerError {
  return new ContainerError('malformed-container', `Container: ${detail}.`);
}
