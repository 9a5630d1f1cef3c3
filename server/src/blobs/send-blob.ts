import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { BlobStore, StoredBlob } from './blob-store.js';

/** Answers with the blob, or the one range that was asked for. Resolves with how many of its bytes were handed on. */
export async function sendBlob(
  store: BlobStore,
  blob: StoredBlob,
  request: Request,
  response: Response,
): Promise<number> {
  const tag = `"${blob.digest}"`;
  response.set({
    ETag: tag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=31536000, immutable',
    'Content-Type': 'application/octet-stream',
  });
  if (request.fresh) {
    response.status(304).end();
    return 0;
  }
  const condition = request.get('If-Range');
  const ranges = condition === undefined || condition === tag ? request.range(blob.bytes) : undefined;
  if (ranges === -1) {
    response.set('Content-Range', `bytes */${blob.bytes}`).status(416).end();
    return 0;
  }
  // Several ranges at once are answered with everything, as the standard allows.
  const one = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges[0] : undefined;
  const { start, end } = one ?? { start: 0, end: blob.bytes - 1 };
  if (one) response.set('Content-Range', `bytes ${start}-${end}/${blob.bytes}`).status(206);
  response.set('Content-Length', String(end - start + 1));
  if (request.method === 'HEAD') {
    response.end();
    return 0;
  }
  let sent = 0;
  const counted = async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      yield piece;
      sent += piece.length;
    }
  };
  try {
    await pipeline(await store.read(blob.digest, { first: start, last: end }), counted, response);
  } catch (error) {
    // A caller that hangs up in the middle of a blob comes back for the rest of it.
    if (!request.destroyed && !response.destroyed) throw error;
  }
  return sent;
}
