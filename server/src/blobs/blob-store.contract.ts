import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { digestOfBytes } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import type { BlobStore } from './blob-store.js';

/** What holds for every blob store. `open` gives the same store each time, as a new process would open it. */
export function blobStoreContract(name: string, open: () => BlobStore): void {
  describe(`a blob store in ${name}`, () => {
    const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251);
    const digest = digestOfBytes(content);

    it('has nothing at first, and afterwards what was put, also for the next process', async () => {
      const store = open();
      expect(await store.sizeOf(digest)).toBeNull();
      expect(await store.put(content)).toEqual({ digest, bytes: content.length });
      for (const each of [store, open()]) {
        expect(await each.sizeOf(digest)).toBe(content.length);
        expect(Buffer.from(content).equals(await buffer(await each.read(digest)))).toBe(true);
        expect(readFileSync(await each.local(digest)).equals(content)).toBe(true);
      }
    });

    it('gives parts, both ends included', async () => {
      const store = open();
      await store.put(content);
      const part = await buffer(await store.read(digest, { first: 1000, last: 1002 }));
      expect([...part]).toEqual([...content.subarray(1000, 1003)]);
    });

    it('takes over a file, and the same content twice', async () => {
      const store = open();
      const file = (): string => {
        const path = join(store.making, randomUUID());
        writeFileSync(path, content);
        return path;
      };
      await store.adopt(file(), digest, content.length);
      await store.adopt(file(), digest, content.length);
      expect(await store.sizeOf(digest)).toBe(content.length);
      await store.tidy();
      expect(readFileSync(await store.local(digest)).equals(content)).toBe(true);
    });

    it('removes a blob, for the next process too, and once more without harm', async () => {
      const store = open();
      await store.put(content);
      await store.remove(digest);
      await store.remove(digest);
      for (const each of [store, open()]) expect(await each.sizeOf(digest)).toBeNull();
      await expect((async () => buffer(await store.read(digest)))()).rejects.toThrow();
    });

    it('fails for what it has not', async () => {
      const read = async () => buffer(await open().read('e'.repeat(64)));
      await expect(read()).rejects.toThrow();
    });
  });
}
