import {
  containerHeaderEnd,
  LENGTH_BYTES,
  readContainerHeader,
  type ContainerEntry,
  type ContainerHeader,
} from '../tensors/header.js';
import type { TensorSource } from './tensor-source.js';

/** A container wherever it lies, read piece by piece: in memory are its header and nothing else. */
export class ContainerSource implements TensorSource {
  readonly header: ContainerHeader;
  readonly #entries: Map<string, ContainerEntry>;

  /**
   * `readAt` fills `into` with the container's bytes from `position` on, or throws. Throws ContainerError where the header is not
   * one of a container of `totalBytes`.
   */
  constructor(
    private readonly readAt: (into: Uint8Array, position: number) => void,
    totalBytes: number,
  ) {
    const first = this.#bytes(Math.min(LENGTH_BYTES, totalBytes));
    this.header = readContainerHeader(this.#bytes(containerHeaderEnd(first, totalBytes)), totalBytes);
    this.#entries = new Map(this.header.entries.map((entry) => [entry.name, entry]));
  }

  read(name: string, start: number, into: Float32Array): void {
    const entry = this.#entries.get(name);
    const position = (entry?.begin ?? 0) + start * into.BYTES_PER_ELEMENT;
    if (entry?.dtype !== 'F32' || position + into.byteLength > entry.end) {
      throw new RangeError(`tensor ${name}: expected ${into.length} values of F32 from ${start} on in the container`);
    }
    this.readAt(new Uint8Array(into.buffer, into.byteOffset, into.byteLength), position);
  }

  #bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readAt(bytes, 0);
    return bytes;
  }
}
