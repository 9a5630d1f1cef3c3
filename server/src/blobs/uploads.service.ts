import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { ContainerError, DigestSchema, type Digest, type ErrorAnswer } from '@consilium/shared';
import { Server as TusServer, type ServerOptions, type Upload } from '@tus/server';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { errorAnswer } from '../http/error.filter.js';
import { siteOf, type SiteCaller } from '../identity/caller.js';
import { HomeFolder } from '../settings/home-folder.js';
import { IDS, LOG, type Ids } from '../settings/process-context.js';
import { BlobStore, type StoredBlob } from './blob-store.js';
import { BlobsService } from './blobs.service.js';
import { decodeUpload } from './decode-upload.js';
import { TransfersService } from './transfers.service.js';
import { UploadFileStore, type Received } from './upload-file-store.js';
import { UploadLimit } from './upload-limit.js';
import { readPromise } from './upload-promise.js';

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
  /** Uploads that are being made into blobs: asked about meanwhile, they are finished once. */
  readonly #finishing = new Map<string, Promise<StoredBlob>>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BlobStore,
    private readonly blobs: BlobsService,
    private readonly limit: UploadLimit,
    private readonly transfers: TransfersService,
    home: HomeFolder,
    @Inject(IDS) private readonly ids: Ids,
    @Inject(LOG) private readonly log: Logger,
  ) {
    mkdirSync(home.uploads, { recursive: true });
    this.#files = new UploadFileStore(home.uploads, (received) => void this.#account(received));
    this.#tus = new TusServer({
      path: UPLOADS_PATH,
      datastore: this.#files,
      relativeLocation: true,
      allowedOrigins: [],
      maxSize: () => this.limit.bytes(),
      namingFunction: (_, metadata) => `${readPromise(metadata, 1).digest}-${this.ids.uuid()}`,
      onUploadCreate: async (request, upload) => {
        const site = callerOf(request);
        await this.#requireWanted(site, upload);
        return { metadata: { ...upload.metadata, site: site.id } };
      },
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

  async removeExpired(): Promise<void> {
    await this.#files.deleteExpired();
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

  /** Refuses an encoding that no study under way wants, and a difference from what the site may not know. */
  async #requireWanted(site: SiteCaller, upload: Upload): Promise<void> {
    const { encoding, base, bytes } = readPromise(upload.metadata, upload.size ?? 0);
    if (bytes > (await this.limit.bytes())) throw tooLarge(this.limit);
    if (encoding === 'float32') return;
    const wanted = await this.limit.encodings();
    if (!wanted.has(encoding)) {
      const expected = `expected an encoding of ${[...wanted].join(', ')}`;
      throw new ApiError('invalid-request', `Upload refused: ${expected}, got ${encoding}.`);
    }
    if (base !== null && !(await this.blobs.findFor(site, base)))
      throw new ApiError('not-found', `Upload refused: the server has no base ${base} for this site.`);
  }

  #finish(site: SiteCaller, upload: Upload): Promise<StoredBlob> {
    let finishing = this.#finishing.get(upload.id);
    if (!finishing) {
      finishing = this.#make(site, upload).finally(() => this.#finishing.delete(upload.id));
      this.#finishing.set(upload.id, finishing);
    }
    return finishing;
  }

  async #make(site: SiteCaller, upload: Upload): Promise<StoredBlob> {
    const { digest: promised, encoding, base, bytes } = readPromise(upload.metadata, upload.offset);
    const wire = this.#files.pathOf(upload.id);
    const decoded = join(this.store.making, randomUUID());
    try {
      const file = encoding === 'float32' ? wire : decoded;
      const digest =
        encoding === 'float32'
          ? await this.#files.digestOf(upload.id, upload.offset)
          : await decodeUpload({
              wire,
              coding: encoding,
              base: base && (await this.store.local(base)),
              bytes,
              output: decoded,
            });
      if (digest !== promised) throw mismatch(promised, digest);
      const blob = await this.store.adopt(file, digest, bytes);
      await this.blobs.register(this.dataSource.manager, blob, site.id);
      await this.#forget(upload.id);
      this.log.debug({ site: site.name, digest, bytes, encoding, wireBytes: upload.offset }, 'blob received');
      return blob;
    } catch (error) {
      if (error instanceof ApiError || error instanceof ContainerError) await this.#forget(upload.id);
      if (error instanceof ContainerError) throw new ApiError('invalid-request', `Upload refused: ${error.message}`);
      throw error;
    } finally {
      await rm(decoded, { force: true });
    }
  }

  async #forget(id: string): Promise<void> {
    await rm(this.#files.pathOf(id), { force: true });
    await rm(`${this.#files.pathOf(id)}.json`, { force: true });
  }

  async #account({ id, bytes, milliseconds }: Received): Promise<void> {
    const upload = await this.#files.getUpload(id).catch(() => null);
    if (!upload?.metadata?.site) return;
    const { digest, encoding } = readPromise(upload.metadata, upload.size ?? 0);
    const siteId = upload.metadata.site;
    await this.transfers.record({ siteId, direction: 'up', digest, encoding, bytes, milliseconds });
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
  if (error.status_code === 413) return errorAnswer(tooLarge(limit));
  const code = error.status_code === 404 || error.status_code === 410 ? 'not-found' : 'invalid-request';
  return { statusCode: error.status_code, code, message: `Upload refused: ${error.body.trim()}.` };
}

function callerOf(request: TusRequest): SiteCaller {
  const node = request.runtime?.node?.req;
  if (!node) throw new Error('upload: expected a request of the Node server');
  return siteOf(node);
}

function mismatch(promised: Digest, got: Digest): ApiError {
  const expected = `expected a blob with the SHA-256 ${promised}, got one with ${got}`;
  return new ApiError('digest-mismatch', `Upload refused: ${expected}; it was removed, send it again.`);
}

function tooLarge(limit: UploadLimit): ApiError {
  const expected = `at most ${limit.last} bytes, the size of the running study's model`;
  return new ApiError('too-large', `Upload refused: expected ${expected}, got more.`);
}

function createdDigest(request: Request): string | undefined {
  if (request.method !== 'POST') return undefined;
  const encoded = /(?:^|,)\s*digest ([A-Za-z0-9+/=]+)/.exec(request.get('Upload-Metadata') ?? '')?.[1];
  return encoded && Buffer.from(encoded, 'base64').toString('latin1').slice(0, 64);
}
