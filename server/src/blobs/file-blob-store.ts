import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Digest } from '@consilium/shared';
import { systemCode } from '../settings/start-refused.js';
import { BlobStore, type ByteRange, type StoredBlob } from './blob-store.js';

/** Blobs as files, blobs/ab/abcdef…; a rename on one file system puts them in place. Several processes may share a folder. */
export class FileBlobStore extends BlobStore {
  readonly making: string;

  /** `owner` names the process's files in the making: those that an earlier run of it has left are removed. */
  constructor(
    private readonly root: string,
    owner: string,
  ) {
    super();
    this.making = join(root, '.making', owner);
    mkdirSync(this.making, { recursive: true });
    for (const left of readdirSync(this.making)) rmSync(join(this.making, left), { recursive: true, force: true });
  }

  pathOf(digest: Digest): string {
    return join(this.root, digest.slice(0, 2), digest);
  }

  async sizeOf(digest: Digest): Promise<number | null> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async adopt(file: string, digest: Digest, bytes: number): Promise<StoredBlob> {
    const target = this.pathOf(digest);
    await mkdir(dirname(target), { recursive: true });
    await flushToDisk(file);
    await rename(file, target);
    await flushToDisk(dirname(target));
    return { digest, bytes };
  }

  read(digest: Digest, range?: ByteRange): Promise<Readable> {
    const part = range && { start: range.first, end: range.last };
    return Promise.resolve(createReadStream(this.pathOf(digest), { highWaterMark: 1 << 18, ...part }));
  }

  local(digest: Digest): Promise<string> {
    return Promise.resolve(this.pathOf(digest));
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
  }

  async tidy(): Promise<void> {
    // Every file is the only copy.
  }

  /** Marks a file as used now. False where there is none. */
  async touch(digest: Digest): Promise<boolean> {
    const now = new Date();
    return utimes(this.pathOf(digest), now, now).then(
      () => true,
      () => false,
    );
  }

  /** Removes the files that were used longest ago until `bytes` are left, but none that was used after `newest`. */
  async shrink(bytes: number, newest: Date): Promise<void> {
    const files: { path: string; size: number; used: Date }[] = [];
    for (const folder of await readdir(this.root)) {
      if (folder.length !== 2) continue;
      for (const name of await readdir(join(this.root, folder))) {
        const path = join(this.root, folder, name);
        const { size, mtime } = await stat(path);
        files.push({ path, size, used: mtime });
      }
    }
    files.sort((a, b) => a.used.getTime() - b.used.getTime());
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size, used } of files) {
      if (total <= bytes || used > newest) return;
      await rm(path, { force: true });
      total -= size;
    }
  }
}

async function flushToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
