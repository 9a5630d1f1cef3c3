import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '@consilium/shared';
import { decodeTransfer, type ByteSource, type Coding } from '@consilium/shared/transfer';

interface Decoding {
  /** The file as it was received. */
  wire: string;
  coding: Coding;
  /** Path of the base, where the coding needs one. */
  base: string | null;
  /** Of the content. */
  bytes: number;
  /** Does not exist yet. */
  output: string;
}

/** Writes the content of an encoded upload and gives its digest. Throws ContainerError where there is none. */
export async function decodeUpload({ wire, coding, base, bytes, output }: Decoding): Promise<Digest> {
  const hash = createHash('sha256');
  const hashed = async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  };
  const file = base === null ? null : await open(base, 'r');
  try {
    const source = file && (await sourceOf(file));
    const received = createReadStream(wire, { highWaterMark: 1 << 18 });
    const content = decodeTransfer(received, coding, { base: source, bytes });
    await pipeline(content, hashed, createWriteStream(output, { flags: 'wx', highWaterMark: 1 << 20 }));
    return hash.digest('hex');
  } finally {
    await file?.close();
  }
}

async function sourceOf(file: FileHandle): Promise<ByteSource> {
  const { size } = await file.stat();
  return {
    bytes: size,
    read: async (position, into) => {
      const { bytesRead } = await file.read(into, 0, into.length, position);
      if (bytesRead !== into.length) throw new Error(`base: expected ${into.length} bytes at ${position}, got its end`);
    },
  };
}
