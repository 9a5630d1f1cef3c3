import { DigestSchema, TransferEncoding, type Digest } from '@consilium/shared';
import { needsBase } from '@consilium/shared/transfer';
import { z } from 'zod';
import { ApiError } from '../http/api-error.js';

/** What an upload says at its beginning that it will bring. */
export interface UploadPromise {
  /** Of the content: the float32 container, however it travels. */
  digest: Digest;
  encoding: TransferEncoding;
  /** What a difference is taken from. */
  base: Digest | null;
  /** Of the content. */
  bytes: number;
}

const Metadata = z.object({
  digest: DigestSchema,
  encoding: TransferEncoding.default('float32'),
  base: DigestSchema.optional(),
  bytes: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .optional(),
});

/** `length`: bytes on the wire. Throws ApiError. */
export function readPromise(metadata: Record<string, string | null> | undefined, length: number): UploadPromise {
  const parsed = Metadata.safeParse(metadata ?? {});
  if (!parsed.success || (needsBase(parsed.data.encoding) && parsed.data.base === undefined)) {
    const expected = 'expected the SHA-256 of the blob as "digest" in Upload-Metadata';
    const coded = 'and, where it is encoded, "encoding", "bytes" and "base"';
    throw new ApiError('invalid-request', `Upload refused: ${expected}, ${coded}.`);
  }
  const { digest, encoding, base, bytes } = parsed.data;
  if (encoding === 'float32') return { digest, encoding, base: null, bytes: length };
  if (bytes === undefined)
    throw new ApiError('invalid-request', `Upload refused: expected the size of the ${encoding} content as "bytes".`);
  return { digest, encoding, base: needsBase(encoding) ? base! : null, bytes };
}
