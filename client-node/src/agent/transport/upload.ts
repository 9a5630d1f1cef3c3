import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { DefaultHttpStack, DetailedError, Upload, type HttpResponse, type UploadOptions } from 'tus-js-client';
import { z } from 'zod';
import { TransferEncoding } from '@consilium/shared';
import { NodeFailure } from '../../settings/failure.js';
import { readJsonIfPresent, writeWholeFile } from '../../settings/whole-file.js';
import type { PreparedUpload } from './prepare-upload.js';
import { refusalOf, unreachable, type RestClient } from './rest-client.js';

/** Short retries inside one attempt; longer outages are the caller's to wait out. */
const RETRY_DELAYS_MS = [500, 1000, 2000];
const STALL_MS = 60_000;

/** Where an unfinished upload goes on, by the digest of what is uploaded. */
const UploadPlace = z.object({ digest: z.string(), encoding: TransferEncoding, url: z.string() });

export interface UploadRequest {
  prepared: PreparedUpload;
  /** Remembers the upload's URL over a restart of the node. */
  placeFile: string;
  signal?: AbortSignal;
  onProgress?: (sentBytes: number) => void;
}

type UploadEnd = { done: true } | { done: false; error: unknown };

/** Sends a file by tus, from where an earlier attempt of this or a former process ended. */
export async function uploadBlob(rest: RestClient, request: UploadRequest): Promise<void> {
  const place = await readJsonIfPresent(request.placeFile, UploadPlace).catch(() => undefined);
  const { blob, encoding } = request.prepared;
  const isThis = place?.digest === blob.digest && place.encoding === encoding;
  const end = await new Promise<UploadEnd>((resolve) => {
    startUpload(rest, request, isThis ? place.url : null, resolve);
  });
  if (end.done) return;
  if (request.signal?.aborted === true) throw request.signal.reason;
  throw uploadFailure(rest.route.name, end.error);
}

export async function forgetUpload(placeFile: string): Promise<void> {
  await rm(placeFile, { force: true });
}

function startUpload(
  rest: RestClient,
  request: UploadRequest,
  url: string | null,
  end: (how: UploadEnd) => void,
): void {
  const stalled = setTimeout(() => {
    finish({ done: false, error: new DOMException('stalled', 'TimeoutError') });
  }, STALL_MS);
  const { file, wireBytes, blob, encoding, base } = request.prepared;
  const coded = encoding === 'float32' ? {} : { encoding, bytes: String(blob.bytes), ...(base !== null && { base }) };
  const { agent, ca } = rest.route;
  const options: UploadOptions = {
    endpoint: rest.uploadUrl,
    uploadUrl: url,
    uploadSize: wireBytes,
    metadata: { digest: blob.digest, ...coded },
    httpStack: new DefaultHttpStack({ agent, ...(ca && { ca }) }),
    retryDelays: RETRY_DELAYS_MS,
    storeFingerprintForResuming: false,
    onBeforeRequest: async (outgoing) => {
      for (const [name, value] of Object.entries(await rest.authorization())) outgoing.setHeader(name, value);
    },
    onUploadUrlAvailable: () => {
      stalled.refresh();
      void rememberPlace(request, upload.url);
    },
    onProgress: (sent) => {
      stalled.refresh();
      request.onProgress?.(sent);
    },
    onSuccess: () => {
      finish({ done: true });
    },
    onError: (error) => {
      finish({ done: false, error });
    },
  };
  const upload = new Upload(createReadStream(file) as never, options);
  const finish = (how: UploadEnd): void => {
    clearTimeout(stalled);
    request.signal?.removeEventListener('abort', giveUp);
    if (!how.done) void upload.abort().catch(() => undefined);
    end(how);
  };
  const giveUp = (): void => {
    finish({ done: false, error: request.signal?.reason });
  };
  request.signal?.addEventListener('abort', giveUp, { once: true });
  upload.start();
}

/** Without the note an interrupted upload starts again from nothing: costly, not wrong. */
async function rememberPlace(request: UploadRequest, url: string | null): Promise<void> {
  if (url === null) return;
  const place: z.infer<typeof UploadPlace> = {
    digest: request.prepared.blob.digest,
    encoding: request.prepared.encoding,
    url,
  };
  await writeWholeFile(request.placeFile, JSON.stringify(place)).catch(() => undefined);
}

function uploadFailure(server: string, error: unknown): NodeFailure {
  const response = error instanceof DetailedError ? error.originalResponse : null;
  if (response === null || response.getStatus() < 200) {
    return unreachable(server, error instanceof DetailedError ? (error.causingError ?? error) : error);
  }
  return refusalOf(server, new Response(null, { status: response.getStatus() }), answerOf(response));
}

function answerOf(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.getBody());
  } catch {
    return undefined;
  }
}
