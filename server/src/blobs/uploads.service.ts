import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { DigestSchema, type Digest, type ErrorAnswer } from '@consilium/shared';
import { Server as TusServer, type ServerOptions, type Upload } from '@tus/server';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { errorAnswer } from '../http/error.filter.js';
import { siteOf, type SiteCaller } from '../identity/caller.js';
import { HomeFolder } from '../settings/home-folder.js';
import { IDS, LOG, type Ids } from '../settings/process-context.js';
import { BlobStore, digestOfFile, type StoredBlob } from './blob-store.js';
import { BlobsService } from './blobs.service.js';
import { UploadFileStore } from './upload-file-store.js';
import { UploadLimit } from './upload-limit.js';

export const UPLOADS_PATH = '/api/v1/uploads';

type TusRequest = Parameters<NonNullable<ServerOptions['onIncomingRequest']>>[0];

/**
 * Resumable uploads. An upload's id begins with the digest that it promises, so that a client that asks about an upload
 * whose last acknowledgement it never saw is told that all of it has arrived.
 */
@Injectable()
export class UploadsService {
  readonly #files: UploadFileStore;
  readonly #tus: TusServer;

  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BlobStore,
    private readonly blobs: BlobsService,
    private readonly limit: UploadLimit,
    home: HomeFolder,
    @Inject(IDS) private readonly ids: Ids,
    @Inject(LOG) private readonly log: Logger,
  ) {
    mkdirSync(home.uploads, { recursive: true });
    this.#files = new UploadFileStore(home.uploads);
    this.#tus = new TusServer({
      path: UPLOADS_PATH,
      datastore: this.#files,
      relativeLocation: true,
      allowedOrigins: [],
      maxSize: () => this.limit.bytes(),
      namingFunction: (_, metadata) => `${promisedDigest(metadata)}-${this.ids.uuid()}`,
      onUploadCreate: (request, upload) =>
        Promise.resolve({ metadata: { ...upload.metadata, site: callerOf(request).id } }),
      onIncomingRequest: (request, id) => this.#requireOwner(request, id),
      onUploadFinish: async (request, upload) => {
        await this.#finish(callerOf(request), upload);
        return {};
      },
      onResponseError: (_, error) => this.#refuse(error),
    });
  }

  async handle(site: SiteCaller, request: Request, response: Response): Promise<void> {
    const id = typeof request.params.upload === 'string' ? request.params.upload : undefined;
    const present = await this.#present(site, id ?? createdDigest(request));
    if (!present) return this.#tus.handle(request, response);
    response.set({
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': String(present.bytes),
      'Upload-Length': String(present.bytes),
      'Cache-Control': 'no-store',
    });
    if (id === undefined) response.location(`${UPLOADS_PATH}/${present.digest}-present`).status(201).end();
    else response.status(request.method === 'HEAD' ? 200 : 204).end();
  }

  removeExpired(): Promise<number> {
    return this.#files.deleteExpired();
  }

  /** The blob that an upload would bring, if it is there; a complete file that a crash left unfinished is finished here. */
  async #present(site: SiteCaller, name: string | undefined): Promise<StoredBlob | null> {
    const digest = DigestSchema.safeParse(name?.slice(0, 64));
    if (!digest.success || name === undefined) return null;
    const blob = await this.blobs.find(digest.data);
    if (blob || name.length === 64) return blob;
    const upload = await this.#files.getUpload(name).catch(() => null);
    if (!upload || upload.offset !== upload.size || upload.metadata?.site !== site.id) return null;
    return this.#finish(site, upload);
  }

  async #requireOwner(request: TusRequest, id: string): Promise<void> {
    if (request.method === 'POST') return;
    const upload = await this.#files.getUpload(id).catch(() => null);
    if (upload && upload.metadata?.site !== callerOf(request).id)
      throw new ApiError('not-found', 'The server has no such upload of this site.');
  }

  async #finish(site: SiteCaller, upload: Upload): Promise<StoredBlob> {
    const file = this.#files.pathOf(upload.id);
    const promised = upload.id.slice(0, 64);
    const digest = await digestOfFile(file);
    if (digest !== promised) {
      await this.#files.remove(upload.id);
      throw new ApiError(
        'digest-mismatch',
        `Upload refused: expected a blob with the SHA-256 ${promised}, got one with ${digest}; it was removed, send it again.`,
      );
    }
    const blob = await this.store.adopt(file, digest, upload.offset);
    await this.blobs.register(this.dataSource.manager, blob, site.id);
    await rm(`${file}.json`, { force: true });
    this.log.debug({ site: site.name, digest, bytes: blob.bytes }, 'blob received');
    return blob;
  }

  #refuse(error: Error | { status_code: number; body: string }): { status_code: number; body: string } | undefined {
    const answer = refusalOf(error, this.limit);
    if (answer === undefined) return undefined;
    if (answer.statusCode >= 500) this.log.error({ err: error }, answer.message);
    return { status_code: answer.statusCode, body: JSON.stringify(answer) };
  }
}

/** tus's own refusals keep their status, which clients act upon, and get the shape of an error answer. */
function refusalOf(error: Error | { status_code: number; body: string }, limit: UploadLimit): ErrorAnswer | undefined {
  if (!('status_code' in error)) return errorAnswer(error);
  if (error.status_code === 413) {
    const expected = `at most ${limit.last} bytes, the size of the running study's model`;
    return errorAnswer(new ApiError('too-large', `Upload refused: expected ${expected}, got more.`));
  }
  const code = error.status_code === 404 || error.status_code === 410 ? 'not-found' : 'invalid-request';
  return { statusCode: error.status_code, code, message: `Upload refused: ${error.body.trim()}.` };
}

function callerOf(request: TusRequest): SiteCaller {
  const node = request.runtime?.node?.req;
  if (!node) throw new Error('upload: expected a request of the Node server');
  return siteOf(node);
}

/** Throws ApiError: an upload says at its beginning what it will be. */
function promisedDigest(metadata: Record<string, string | null> | undefined): Digest {
  const parsed = DigestSchema.safeParse(metadata?.digest);
  if (!parsed.success)
    throw new ApiError(
      'invalid-request',
      'Upload refused: expected the SHA-256 of the blob as "digest" in Upload-Metadata.',
    );
  return parsed.data;
}

function createdDigest(request: Request): string | undefined {
  if (request.method !== 'POST') return undefined;
  const encoded = /(?:^|,)\s*digest ([A-Za-z0-9+/=]+)/.exec(request.get('Upload-Metadata') ?? '')?.[1];
  return encoded && Buffer.from(encoded, 'base64').toString('latin1').slice(0, 64);
}
