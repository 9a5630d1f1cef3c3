import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '@consilium/shared';
import { FileStore } from '@tus/file-store';
import { systemCode } from '../settings/start-refused.js';
import { digestOfFile } from './blob-store.js';

/** Milliseconds for which an interrupted upload can be resumed. */
const EXPIRY = 7 * 86_400_000;

/** Bytes that may wait to be written: what comes while a write is under way goes into the next one. */
const GATHERED = 1 << 20;

export interface Received {
  id: string;
  bytes: number;
  milliseconds: number;
}

interface Hashing {
  hash: Hash;
  /** How much of the file the hash has seen. */
  bytes: number;
}

/**
 * The files of unfinished uploads, hashed while they stream in. Unlike its parent it lets a full disk be seen as one, and
 * then frees what it took.
 */
export class UploadFileStore extends FileStore {
  readonly #hashing = new Map<string, Hashing>();

  constructor(
    directory: string,
    private readonly onReceived: (received: Received) => void,
  ) {
    super({ directory, expirationPeriodInMilliseconds: EXPIRY });
    // The digest has to be known before the first byte and the length decides whether the upload is let in.
    this.extensions = ['creation', 'creation-with-upload', 'termination', 'expiration'];
  }

  pathOf(id: string): string {
    return join(this.directory, id);
  }

  override async write(readable: IncomingMessage | Readable, id: string, offset: number): Promise<number> {
    const file = this.pathOf(id);
    const started = performance.now();
    const hashing = this.#hashingFrom(id, offset);
    try {
      const pieces = hashing ? hashed(readable, hashing) : readable;
      await pipeline(pieces, createWriteStream(file, { flags: 'r+', start: offset, highWaterMark: GATHERED }));
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC') throw error;
      await truncate(file, 0);
      await this.remove(id);
      throw error;
    } finally {
      const size = await stat(file).then(
        (found) => found.size,
        () => offset,
      );
      this.onReceived({ id, bytes: size - offset, milliseconds: Math.round(performance.now() - started) });
    }
    return (await stat(file)).size;
  }

  override async remove(id: string): Promise<void> {
    this.#hashing.delete(id);
    await super.remove(id);
  }

  /** Of the whole file: already known, unless the connection broke in a write or the server was restarted since. */
  async digestOf(id: string, size: number): Promise<Digest> {
    const hashing = this.#hashing.get(id);
    this.#hashing.delete(id);
    return hashing?.bytes === size ? hashing.hash.digest('hex') : digestOfFile(this.pathOf(id));
  }

  /** A hash that has seen exactly the bytes before `offset`, or none: then the file is read once more at its end. */
  #hashingFrom(id: string, offset: number): Hashing | undefined {
    if (offset === 0) this.#hashing.set(id, { hash: createHash('sha256'), bytes: 0 });
    const hashing = this.#hashing.get(id);
    if (hashing?.bytes === offset) return hashing;
    this.#hashing.delete(id);
    return undefined;
  }
}

async function* hashed(pieces: AsyncIterable<Uint8Array>, hashing: Hashing): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hashing.hash.update(piece);
    hashing.bytes += piece.length;
    yield piece;
  }
}
