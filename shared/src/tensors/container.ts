import { containerDtypeOf, containerDtypes } from './dtype.js';
import { LENGTH_BYTES, readContainerHeader, type ContainerEntry, type ContainerHeader } from './header.js';
import { elementCount, type HostDtype, type HostTensor, type NamedTensors } from './host-tensor.js';

export interface ContainerLayout extends ContainerHeader {
  /** Length, JSON and padding: the first `dataOffset` bytes of the file. */
  headerBytes: Uint8Array;
}

/**
 * The one layout of a container with these tensors: wide elements first (so each tensor is aligned to its element), then
 * by name; keys without spaces; header padded with spaces to 8 bytes. Where all
 * tensors have one dtype these are the bytes that the safetensors library writes.
 */
export function layOutContainer(
  tensors: Iterable<{ name: string; dtype: HostDtype; shape: readonly number[] }>,
  metadata: Record<string, string> = {},
): ContainerLayout {
  const entries: ContainerEntry[] = Array.from(tensors, ({ name, dtype, shape }) => {
    if (name === '__metadata__') throw new RangeError('container: expected a tensor name, got __metadata__');
    return { name, dtype: containerDtypeOf(dtype), shape: [...shape], begin: 0, end: 0 };
  });
  entries.sort((a, b) => containerDtypes[b.dtype].bytes - containerDtypes[a.dtype].bytes || (a.name < b.name ? -1 : 1));
  let offset = 0;
  for (const entry of entries) {
    entry.begin = offset;
    offset += elementCount(entry.shape) * containerDtypes[entry.dtype].bytes;
    entry.end = offset;
  }
  const headerBytes = headerOf(entries, metadata);
  const dataOffset = headerBytes.length;
  for (const entry of entries) {
    entry.begin += dataOffset;
    entry.end += dataOffset;
  }
  return { entries, metadata, dataOffset, totalBytes: dataOffset + offset, headerBytes };
}

/** Equal tensors and metadata give equal bytes. */
export function encodeContainer(tensors: NamedTensors, metadata: Record<string, string> = {}): Uint8Array {
  const layout = layOutContainer(
    Array.from(tensors, ([name, { dtype, shape }]) => ({ name, dtype, shape })),
    metadata,
  );
  const bytes = new Uint8Array(layout.totalBytes);
  bytes.set(layout.headerBytes);
  for (const { name, shape, begin, end } of layout.entries) {
    const { data } = tensors.get(name)!;
    if (data.byteLength !== end - begin) {
      throw new RangeError(
        `tensor ${name} [${shape.join(', ')}]: expected ${end - begin} bytes, got ${data.byteLength}`,
      );
    }
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), begin);
  }
  return bytes;
}

/** Tensors are views of `bytes` where their alignment allows, copies elsewhere. Throws ContainerError. */
export function decodeContainer(bytes: Uint8Array): { tensors: NamedTensors; metadata: Record<string, string> } {
  const { entries, metadata } = readContainerHeader(bytes, bytes.length);
  return { tensors: new Map(entries.map((entry) => [entry.name, tensorAt(bytes, entry)])), metadata };
}

function tensorAt(bytes: Uint8Array, { dtype, shape, begin, end }: ContainerEntry): HostTensor {
  const { host, bytes: size, array } = containerDtypes[dtype];
  const start = bytes.byteOffset + begin;
  const aligned = start % size === 0;
  // Not bytes.slice: a Node Buffer's slice is a view, which would be just as unaligned.
  const buffer = aligned ? bytes.buffer : Uint8Array.from(bytes.subarray(begin, end)).buffer;
  const data = new array(buffer as ArrayBuffer, aligned ? start : 0, (end - begin) / size);
  return { shape, dtype: host, data } as HostTensor;
}

function headerOf(entries: readonly ContainerEntry[], metadata: Record<string, string>): Uint8Array {
  // Joined by hand: an object would move keys that look like numbers to the front.
  const keys = Object.keys(metadata).sort();
  const texts = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
  const members = keys.length > 0 ? [`"__metadata__":{${texts.join(',')}}`] : [];
  for (const { name, dtype, shape, begin, end } of entries) {
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, LENGTH_BYTES);
  return header;
}
