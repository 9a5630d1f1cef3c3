import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ContainerSource, type ContainerHeader, type TensorSource } from '@consilium/shared';

/** A container on disk, read piece by piece. Synchronous, for a worker thread. Whoever opens it closes it. */
export class TensorFile implements TensorSource {
  readonly #file: number;
  readonly #source: ContainerSource;

  /** Throws ContainerError where the file's header is not one of a container of this size. */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      this.#source = new ContainerSource((into, position) => this.#fill(into, position), fstatSync(this.#file).size);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  get header(): ContainerHeader {
    return this.#source.header;
  }

  read(name: string, start: number, into: Float32Array): void {
    this.#source.read(name, start, into);
  }

  close(): void {
    closeSync(this.#file);
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
