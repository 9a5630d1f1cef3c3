import { rm } from 'node:fs/promises';
import { DefaultHttpStack, DetailedError, Upload, type HttpResponse, type UploadOptions } from 'tus-js-client';
import { z } from 'zod';
import { TransferEncoding } from '@consilium/shared';
import type { Permit } from '../../egress/gate.js';
import { NodeFailure } from '../../settings/failure.js';
import { readJsonIfPresent, writeWholeFile } from '../../settings/whole-file.js';
import { refusalOf, unreachable, type RestClient } from './rest-client.js';

/** Short retries inside one attempt; longer outages are the caller's to wait out. */
const RETRY_DELAYS_MS = [500, 1000, 2000];
const STALL_MS = 60_000;

/** Where an unfinished upload goes on, by the digest of what is uploaded. */
const UploadPlace = z.object({ digest: z.string(), encoding: TransferEncoding, url: z.string() });

export interface UploadRequest {
  permit: Permit<'update'>;
  /** Remembers the upload's URL over a restart of the node. */
  placeFile: string;
  signal?: AbortSignal;
  onProgress?: (sentBytes: number) => void;
}

type Started = Omit<UploadRequest, 'permit'> & { cargo: ReturnType<Permit<'update'>['take']> };
type UploadEnd = { done: true } | { done: false; error: unknown };

/** Sends an update by tus, from where an earlier attempt of this or a former process ended. */
export async function uploadBlob(rest: RestClient, { permit, ...request }: UploadRequest): Promise<void> {
  const cargo = permit.take();
  const place = await readJsonIfPresent(request.placeFile, UploadPlace).catch(() => undefined);
  const isThis = place?.digest === cargo.blob.digest && place.encoding === cargo.encoding;
  const end = await new Promise<UploadEnd>((resolve) => {
    startUpload(rest, { ...request, cargo }, isThis ? place.url : null, resolve);
  });
  if (end.done) return;
  if (request.signal?.aborted === true) throw request.signal.reason;
  throw uploadFailure(rest.route.name, end.error);
}

export async function forgetUpload(placeFile: string): Promise<void> {
  await rm(placeFile, { force: true });
}

function startUpload(rest: RestClient, request: Started, url: string | null, end: (how: UploadEnd) => void): void {
  const stalled = setTimeout(() => {
    finish({ done: false, error: new DOMException('stalled', 'TimeoutError') });
  }, STALL_MS);
  const { wire, blob, encoding, base } = request.cargo;
  const coded = encoding === 'float32' ? {} : { encoding, bytes: String(blob.bytes), ...(base !== null && { base }) };
  const { agent, ca } = rest.route;
  const options: UploadOptions = {
    endpoint: rest.uploadUrl,
    uploadUrl: url,
    uploadSize: wire.length,
    metadata: { digest: blob.digest, ...coded },
    httpStack: new DefaultHttpStack({ agent, ...(ca && { ca }) }),
    retryDelays: RETRY_DELAYS_MS,
    storeFingerprintForResuming: false,
    onBeforeRequest: async (outgoing) => {
      const url = outgoing.getURL();
      requireServer(url, rest.uploadUrl);
      const proof = await rest.prove({ method: outgoing.getMethod(), path: url.slice(rest.server.length) });
      for (const [name, value] of Object.entries(proof)) outgoing.setHeader(name, value);
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
  const upload = new Upload(wire, options);
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

/** The server says where its uploads go on: nowhere but below its own. */
function requireServer(url: string, uploadUrl: string): void {
  if (url === uploadUrl || url.startsWith(`${uploadUrl}/`)) return;
  throw new NodeFailure('refused', `the upload: expected a place below ${uploadUrl}, got ${url.slice(0, 200)}`);
}

/** Without the note an interrupted upload starts again from nothing: costly, not wrong. */
async function rememberPlace(request: Started, url: string | null): Promise<void> {
  if (url === null) return;
  const place: z.infer<typeof UploadPlace> = {
    digest: request.cargo.blob.digest,
    encoding: request.cargo.encoding,
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
