import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { BlobRef, ContainerError, TransferEncoding, type Digest } from '@consilium/shared';
import {
  decodeTransfer,
  encodeTransfer,
  isLossless,
  needsBase,
  type ByteSource,
  type Coding,
} from '@consilium/shared/transfer';
import { asFileFailure } from '../../settings/failure.js';
import { readJsonIfPresent, writeWholeFile } from '../../settings/whole-file.js';

/** An update as it will travel. */
export interface PreparedUpload {
  file: string;
  wireBytes: number;
  encoding: TransferEncoding;
  /** What a difference is taken from. */
  base: Digest | null;
  /** What the server will have: the update itself, or where the encoding rounds, the rounded one. This is what is signed. */
  blob: BlobRef;
}

export interface Preparation {
  /** The update and its file. */
  update: BlobRef;
  file: string;
  /** The round's folder, where the encoded file is kept over a restart. */
  folder: string;
  base: Digest;
  /** Path of the base; asked for only where it is needed. */
  fetchBase: () => Promise<string>;
  encoding: TransferEncoding;
}

const Prepared = z.object({
  update: z.string(),
  encoding: TransferEncoding,
  base: z.string().nullable(),
  blob: BlobRef,
  wireBytes: z.int(),
});

/** From the smallest on the wire. */
const BY_SIZE: readonly TransferEncoding[] = ['delta16', 'float16', 'delta', 'float32'];

/** What the study accepts and this site prefers; `auto` takes the smallest. A preference that is not accepted gives way. */
export function chooseEncoding(
  accepted: readonly TransferEncoding[],
  preferred: TransferEncoding | 'auto',
): TransferEncoding {
  if (preferred !== 'auto' && (preferred === 'float32' || accepted.includes(preferred))) return preferred;
  return BY_SIZE.find((encoding) => accepted.includes(encoding)) ?? 'float32';
}

/** Encodes once; a restarted node goes on with the same bytes, which its unfinished upload depends on. */
export async function prepareUpload(preparation: Preparation): Promise<PreparedUpload> {
  const { update, file, folder, encoding } = preparation;
  const plain: PreparedUpload = { file, wireBytes: update.bytes, encoding: 'float32', base: null, blob: update };
  if (encoding === 'float32') return plain;
  const wire = join(folder, 'update.wire');
  const note = join(folder, 'prepared.json');
  const former = await readJsonIfPresent(note, Prepared).catch(() => undefined);
  if (former?.update === update.digest && former.encoding === encoding) {
    const size = await stat(wire).then(
      (found) => found.size,
      () => -1,
    );
    if (size === former.wireBytes) return { ...former, file: wire };
  }
  const encoded = await encode(preparation, encoding, wire).catch((error: unknown) => {
    // A model whose tensors changed since its base is sent as it is.
    if (error instanceof ContainerError) return undefined;
    throw asFileFailure(error, 'encoding the update');
  });
  if (encoded === undefined || encoded.wireBytes >= update.bytes) return plain;
  await writeWholeFile(note, JSON.stringify({ update: update.digest, ...encoded } satisfies z.infer<typeof Prepared>));
  return { ...encoded, file: wire };
}

async function encode(
  { update, file, base, fetchBase }: Preparation,
  coding: Coding,
  wire: string,
): Promise<Omit<PreparedUpload, 'file'>> {
  const opened: FileHandle[] = [];
  const sourceAt = async (path: string): Promise<ByteSource> => {
    const handle = await open(path, 'r');
    opened.push(handle);
    return sourceOf(handle, (await handle.stat()).size);
  };
  const part = `${wire}.part`;
  try {
    const before = needsBase(coding) ? await sourceAt(await fetchBase()) : null;
    await pipeline(encodeTransfer(await sourceAt(file), coding, before), createWriteStream(part));
    const digest = isLossless(coding) ? update.digest : await digestOfDecoded(part, coding, before, update.bytes);
    await rename(part, wire);
    const { size } = await stat(wire);
    const blob = { digest, bytes: update.bytes };
    return { wireBytes: size, encoding: coding, base: before === null ? null : base, blob };
  } finally {
    for (const handle of opened) await handle.close();
    await rm(part, { force: true });
  }
}

async function digestOfDecoded(wire: string, coding: Coding, base: ByteSource | null, bytes: number): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(decodeTransfer(createReadStream(wire), coding, { base, bytes }), hash);
  return hash.digest('hex');
}

function sourceOf(handle: FileHandle, bytes: number): ByteSource {
  return {
    bytes,
    read: async (position, into) => {
      const { bytesRead } = await handle.read(into, 0, into.length, position);
      if (bytesRead !== into.length)
        throw new Error(`expected ${into.length} bytes at ${position}, got the file's end`);
    },
  };
}
