import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { Digest } from '@consilium/shared';
import { BlobStore, type ByteRange, type StoredBlob } from './blob-store.js';
import type { FileBlobStore } from './file-blob-store.js';

/** Milliseconds for which a local copy is left alone: whoever asked for its path may still be about to open it. */
const IN_USE = 3_600_000;

export interface S3Place {
  bucket: string;
  /** Before each digest: empty, or ending in "/". */
  prefix: string;
  /** Of a server that is not Amazon's. */
  endpoint?: string | undefined;
  region: string;
  /** Else what the SDK finds in the environment, in its files or at the machine's provider. */
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
}

/** Blobs as objects of a bucket. The files of `copies` are a cache: any of them may be removed at any time. */
export class S3BlobStore extends BlobStore {
  readonly #client: S3Client;
  readonly #fetching = new Map<Digest, Promise<string>>();

  constructor(
    private readonly place: S3Place,
    private readonly copies: FileBlobStore,
    private readonly copiesBytes: number,
  ) {
    super();
    const { endpoint, region, credentials } = place;
    this.#client = new S3Client({
      region,
      // Servers other than Amazon's know buckets by path, and know no checksums beyond those asked for.
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      ...(credentials && { credentials }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  get making(): string {
    return this.copies.making;
  }

  async sizeOf(digest: Digest): Promise<number | null> {
    try {
      return (await this.#client.send(new HeadObjectCommand(this.#object(digest)))).ContentLength ?? null;
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return null;
      throw error;
    }
  }

  /** The bucket checks what it receives against the digest. */
  async adopt(file: string, digest: Digest, bytes: number): Promise<StoredBlob> {
    const object = {
      ...this.#object(digest),
      Body: createReadStream(file, { highWaterMark: 1 << 18 }),
      ContentLength: bytes,
      ContentType: 'application/octet-stream',
      ChecksumSHA256: Buffer.from(digest, 'hex').toString('base64'),
    };
    await this.#client.send(new PutObjectCommand(object));
    return this.copies.adopt(file, digest, bytes);
  }

  async read(digest: Digest, range?: ByteRange): Promise<Readable> {
    if (await this.copies.touch(digest)) return this.copies.read(digest, range);
    return this.#fetch(digest, range);
  }

  async local(digest: Digest): Promise<string> {
    if (await this.copies.touch(digest)) return this.copies.local(digest);
    let fetching = this.#fetching.get(digest);
    if (!fetching) {
      fetching = this.#copy(digest).finally(() => this.#fetching.delete(digest));
      this.#fetching.set(digest, fetching);
    }
    return fetching;
  }

  async remove(digest: Digest): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(digest)));
    await this.copies.remove(digest);
  }

  async tidy(): Promise<void> {
    await this.copies.shrink(this.copiesBytes, new Date(Date.now() - IN_USE));
  }

  async #copy(digest: Digest): Promise<string> {
    const file = join(this.making, randomUUID());
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      const hashed = async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const piece of pieces) {
          hash.update(piece);
          bytes += piece.length;
          yield piece;
        }
      };
      await pipeline(await this.#fetch(digest), hashed, createWriteStream(file, { flags: 'wx' }));
      const got = hash.digest('hex');
      if (got !== digest) throw new Error(`bucket ${this.place.bucket}: expected the content of ${digest}, got ${got}`);
      await this.copies.adopt(file, digest, bytes);
      return await this.copies.local(digest);
    } finally {
      await rm(file, { force: true });
    }
  }

  async #fetch(digest: Digest, range?: ByteRange): Promise<Readable> {
    const part = range && { Range: `bytes=${range.first}-${range.last}` };
    const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#object(digest), ...part }));
    if (!(Body instanceof Readable)) throw new Error(`bucket ${this.place.bucket}: expected a body of ${digest}`);
    return Body;
  }

  #object(digest: Digest): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + digest };
  }
}
