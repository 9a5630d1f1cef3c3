import { request as overHttp, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';

export interface Exchanged {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/**
 * One request with its whole answer in memory, in `room` where it has just that length. Models go through many light nodes of one process: what `fetch` copies on its way
 * would be most of what a round of them costs.
 */
export async function exchange(
  url: string,
  options: Pick<RequestOptions, 'method' | 'headers'> & { signal?: AbortSignal | undefined; room?: Buffer | undefined },
  body: string | Uint8Array = '',
): Promise<Exchanged> {
  const { signal, room, ...rest } = options;
  const request = (url.startsWith('https:') ? overHttps : overHttp)(url, { ...rest, ...(signal && { signal }) });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  request.end(body);
  const answer = await answered;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await bytesOf(answer, room) };
}

/** Into the place that its length asks for; rejects where the connection ends before. */
async function bytesOf(answer: IncomingMessage, room: Buffer | undefined): Promise<Buffer> {
  const length = Number(answer.headers['content-length']);
  if (!Number.isSafeInteger(length)) {
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  }
  // Not from the pool: tensors are views into it.
  const bytes = room?.length === length ? room : Buffer.from(new ArrayBuffer(length));
  let done = 0;
  for await (const piece of answer) done += (piece as Buffer).copy(bytes, done);
  if (done < length) throw new Error(`expected ${length} bytes, the connection ended after ${done}`);
  return bytes;
}
