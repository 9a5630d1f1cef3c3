import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { digestOfBytes, type Digest } from '@consilium/shared';
import { HomeFolder } from '../settings/home-folder.js';
import { systemCode } from '../settings/start-refused.js';

export interface StoredBlob {
  digest: Digest;
  bytes: number;
}

/**
 * Files named by the SHA-256 of their content, as blobs/ab/abcdef…: whatever has its final name is complete and never
 * changes. Files in the making lie in blobs/.making on the same file system, so that a rename puts them in place.
 */
@Injectable()
export class BlobStore {
  readonly #root: string;

  constructor(home: HomeFolder) {
    this.#root = home.blobs;
    mkdirSync(this.making, { recursive: true });
    for (const left of readdirSync(this.making)) rmSync(join(this.making, left), { recursive: true, force: true });
  }

  /** Folder for files in the making; emptied at every start. */
  get making(): string {
    return join(this.#root, '.making');
  }

  pathOf(digest: Digest): string {
    return join(this.#root, digest.slice(0, 2), digest);
  }

  async sizeOf(digest: Digest): Promise<number | null> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async put(bytes: Uint8Array): Promise<StoredBlob> {
    const file = join(this.making, randomUUID());
    try {
      await writeFile(file, bytes, { flag: 'wx' });
      return await this.adopt(file, digestOfBytes(bytes), bytes.length);
    } finally {
      await rm(file, { force: true });
    }
  }

  /** Moves a complete file, whose digest the caller has computed, to its place. The file must lie on this file system. */
  async adopt(file: string, digest: Digest, bytes: number): Promise<StoredBlob> {
    const target = this.pathOf(digest);
    await mkdir(dirname(target), { recursive: true });
    await flushToDisk(file);
    await rename(file, target);
    await flushToDisk(dirname(target));
    return { digest, bytes };
  }
}

export async function digestOfFile(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function flushToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
