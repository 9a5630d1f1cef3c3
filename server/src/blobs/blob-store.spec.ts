import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOfBytes } from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bucket } from '../testing/bucket.js';
import { blobStoreContract } from './blob-store.contract.js';
import { FileBlobStore } from './file-blob-store.js';
import { S3BlobStore } from './s3-blob-store.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-stores-'));
let bucket: Bucket;
beforeAll(async () => {
  bucket = await Bucket.start();
});
afterAll(async () => {
  await bucket.close();
  rmSync(folder, { recursive: true, force: true });
});

function inBucket(copies: string, megabytes = 100): S3BlobStore {
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  const place = { bucket: 'models', prefix: 'study/', endpoint: bucket.endpoint, region: 'us-east-1', credentials };
  return new S3BlobStore(place, new FileBlobStore(join(folder, copies), 'a'), megabytes * 1e6);
}

blobStoreContract('a folder', () => new FileBlobStore(join(folder, 'files'), 'a'));
// Each process begins without local copies.
let processes = 0;
blobStoreContract('a bucket (the AWS SDK against our own stand-in)', () => inBucket(`copies-${processes++}`));

describe('a blob store in a bucket', () => {
  const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 7);
  const digest = digestOfBytes(content);

  it('keeps local copies until there are too many, and fetches a lost one again', async () => {
    const store = inBucket('small', 0);
    await store.put(content);
    const path = await store.local(digest);
    await store.tidy();
    expect(existsSync(path)).toBe(true);
    const longAgo = new Date(Date.now() - 7_200_000);
    utimesSync(path, longAgo, longAgo);
    await store.tidy();
    expect(existsSync(path)).toBe(false);
    const both = await Promise.all([store.local(digest), store.local(digest)]);
    expect(both).toEqual([path, path]);
    expect(bucket.requests.filter((line) => line === `GET /models/study/${digest}`)).toHaveLength(1);
  });

  it('does not hand out what is not what its name says', async () => {
    const store = inBucket('spoilt');
    const name = 'f'.repeat(64);
    bucket.objects.set(`/models/study/${name}`, Buffer.from(content));
    await expect(store.local(name)).rejects.toThrow(`expected the content of ${name}`);
    expect(await store.sizeOf(name)).toBe(1000);
  });
});

describe('files in the making', () => {
  it('of another process that shares the folder are left alone', async () => {
    const [one, other] = ['one', 'other'].map((owner) => new FileBlobStore(join(folder, 'shared'), owner));
    expect(one.making).not.toBe(other.making);
    const { digest } = await one.put(Uint8Array.of(1, 2, 3));
    expect(await other.sizeOf(digest)).toBe(3);
  });
});
