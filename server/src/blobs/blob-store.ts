import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { digestOfBytes, type Digest } from '@consilium/shared';

export interface StoredBlob {
  digest: Digest;
  bytes: number;
}

/** Both ends are read. */
export interface ByteRange {
  first: number;
  last: number;
}

/**
 * Content named by its SHA-256: what has a name is complete and never changes. Files in the making lie in a folder of
 * this process until `adopt` gives them their name.
 */
export abstract class BlobStore {
  /** Folder for files in the making; emptied at every start. */
  abstract readonly making: string;

  /** Null where there is no such blob. */
  abstract sizeOf(digest: Digest): Promise<number | null>;

  /** Takes over a complete file of `making`'s file system, whose digest the caller has computed. */
  abstract adopt(file: string, digest: Digest, bytes: number): Promise<StoredBlob>;

  /** A blob that is there, or a part of it. */
  abstract read(digest: Digest, range?: ByteRange): Promise<Readable>;

  /** Path of a file on this machine with the blob's content, for code that reads at places of its own choice. */
  abstract local(digest: Digest): Promise<string>;

  /** Nothing where there is no such blob. */
  abstract remove(digest: Digest): Promise<void>;

  /** Frees what can be had again; called every hour. */
  abstract tidy(): Promise<void>;

  async put(bytes: Uint8Array): Promise<StoredBlob> {
    const file = join(this.making, randomUUID());
    try {
      await writeFile(file, bytes, { flag: 'wx' });
      return await this.adopt(file, digestOfBytes(bytes), bytes.length);
    } finally {
      await rm(file, { force: true });
    }
  }
}

export async function digestOfFile(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
