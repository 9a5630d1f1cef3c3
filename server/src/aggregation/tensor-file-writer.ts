import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { ContainerLayout, Digest } from '@consilium/shared';

/** Writes a container of a known layout from front to back, and hashes it on the way. */
export class TensorFileWriter {
  readonly #hash = createHash('sha256');
  readonly #file: number;
  #bytes = 0;
  #open = true;

  /** The file must not exist yet. */
  constructor(
    private readonly path: string,
    private readonly layout: ContainerLayout,
  ) {
    this.#file = openSync(path, 'wx');
    try {
      this.#append(layout.headerBytes);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  write(values: Float32Array): void {
    this.#append(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  finish(): { digest: Digest; bytes: number } {
    const { totalBytes } = this.layout;
    if (this.#bytes !== totalBytes)
      throw new Error(`container: expected ${totalBytes} bytes to write, got ${this.#bytes}`);
    this.#close();
    return { digest: this.#hash.digest('hex'), bytes: totalBytes };
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#close();
    rmSync(this.path, { force: true });
  }

  #close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }

  #append(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done);
    this.#bytes += bytes.length;
  }
}
