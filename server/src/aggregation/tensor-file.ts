import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  containerHeaderEnd,
  readContainerHeader,
  type ContainerEntry,
  type ContainerHeader,
  type TensorSource,
} from '@consilium/shared';

/**
 * A container on disk, read piece by piece: in memory are its header and nothing else. Synchronous, for a worker thread.
 * Whoever opens it closes it.
 */
export class TensorFile implements TensorSource {
  readonly header: ContainerHeader;
  readonly #file: number;
  readonly #entries: Map<string, ContainerEntry>;

  /** Throws ContainerError where the file's header is not one of a container of this size. */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      const total = fstatSync(this.#file).size;
      const first = this.#bytesAt(0, Math.min(8, total));
      this.header = readContainerHeader(this.#bytesAt(0, containerHeaderEnd(first, total)), total);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
    this.#entries = new Map(this.header.entries.map((entry) => [entry.name, entry]));
  }

  read(name: string, start: number, into: Float32Array): void {
    const entry = this.#entries.get(name);
    const position = (entry?.begin ?? 0) + start * into.BYTES_PER_ELEMENT;
    if (entry?.dtype !== 'F32' || position + into.byteLength > entry.end) {
      throw new RangeError(`tensor ${name}: expected ${into.length} values of F32 from ${start} on in the container`);
    }
    this.#fill(new Uint8Array(into.buffer, into.byteOffset, into.byteLength), position);
  }

  close(): void {
    closeSync(this.#file);
  }

  #bytesAt(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#fill(bytes, position);
    return bytes;
  }

  #fill(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length;) {
      const got = readSync(this.#file, bytes, done, bytes.length - done, position + done);
      if (got === 0)
        throw new Error(`container: expected ${bytes.length} bytes at ${position}, got the end of the file`);
      done += got;
    }
  }
}
