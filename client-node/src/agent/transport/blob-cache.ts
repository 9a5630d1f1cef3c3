import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobRef } from '@consilium/shared';
import { asFileFailure, NodeFailure, systemCode } from '../../settings/failure.js';
import { refusalOf, unreachable, type RestClient } from './rest-client.js';

/** A connection that brings nothing for so long is given up, and resumed. */
const STALL_MS = 30_000;

/** Bytes that a broken connection has to have brought to be taken up again without the caller. */
const WORTH_GOING_ON = 1 << 16;
const PAUSE_MS = 200;

export interface FetchOptions {
  signal?: AbortSignal;
  onProgress?: (receivedBytes: number) => void;
  stallMilliseconds?: number;
}

/** Models by digest, in one folder. A file under its final name has been checked; `.part` files are resumed. */
export class BlobCache {
  constructor(
    private readonly folder: string,
    private readonly rest: Pick<RestClient, 'prove' | 'server' | 'route'>,
  ) {}

  path(digest: string): string {
    return join(this.folder, digest);
  }

  /**
   * Path of the blob, from the cache or the server. A connection that breaks after it has brought something is taken up
   * again at once; one that brings nothing ends the call, and the next call goes on from there. Throws NodeFailure: server-unreachable (try again), refused, disk-full.
   */
  async fetch(blob: BlobRef, options: FetchOptions = {}): Promise<string> {
    const path = this.path(blob.digest);
    if ((await sizeOf(path)) === blob.bytes) {
      await utimes(path, new Date(), new Date()).catch(() => undefined);
      return path;
    }
    const part = `${path}.part`;
    await mkdir(this.folder, { recursive: true });
    await this.#receiveAll(blob, part, options);
    const digest = await digestOfFile(part);
    if (digest !== blob.digest) {
      await rm(part, { force: true });
      throw new NodeFailure(
        'server-unreachable',
        `model ${blob.digest.slice(0, 12)} from ${this.rest.server}: expected its SHA-256, got ${digest.slice(0, 12)}; the download is thrown away`,
      );
    }
    await rename(part, path).catch((error: unknown) => {
      throw asFileFailure(error, `storing model ${blob.digest.slice(0, 12)}`);
    });
    return path;
  }

  /** Keeps the blobs that were used last. */
  async prune(keep: number): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    const dated = await Promise.all(
      names.map(async (name) => ({
        name,
        time: (await stat(join(this.folder, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    );
    const old = dated.sort((a, b) => b.time - a.time).slice(keep);
    await Promise.all(old.map(({ name }) => rm(join(this.folder, name), { force: true })));
  }

  async #receiveAll(blob: BlobRef, part: string, options: FetchOptions): Promise<void> {
    for (;;) {
      const before = (await sizeOf(part)) ?? 0;
      try {
        await this.#receive(blob, part, options);
        return;
      } catch (error) {
        const gained = ((await sizeOf(part)) ?? 0) - before;
        const isBroken = error instanceof NodeFailure && error.kind === 'server-unreachable';
        if (!isBroken || gained < WORTH_GOING_ON) throw error;
        await sleep(PAUSE_MS, undefined, { signal: options.signal });
      }
    }
  }

  async #receive(blob: BlobRef, part: string, options: FetchOptions): Promise<void> {
    let have = (await sizeOf(part)) ?? 0;
    if (have > blob.bytes) {
      await rm(part, { force: true });
      have = 0;
    }
    if (have === blob.bytes) return;
    const watch = new StallWatch(options.stallMilliseconds ?? STALL_MS, options.signal);
    try {
      const response = await this.#request(blob, have, watch.signal);
      const from = response.status === 206 ? have : 0;
      await store(response, { part, from, total: blob.bytes, watch, onProgress: options.onProgress });
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      const full = asFileFailure(error, `storing model ${blob.digest.slice(0, 12)}`);
      if (full.kind === 'disk-full') {
        await rm(part, { force: true });
        throw full;
      }
      throw unreachable(this.rest.route.name, watch.signal.aborted ? watch.signal.reason : error);
    } finally {
      watch.stop();
    }
    const got = (await sizeOf(part)) ?? 0;
    if (got < blob.bytes) {
      throw new NodeFailure(
        'server-unreachable',
        `model ${blob.digest.slice(0, 12)} from ${this.rest.server}: expected ${blob.bytes} bytes, the connection ended after ${got}`,
      );
    }
  }

  async #request(blob: BlobRef, have: number, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (have > 0) {
      headers['range'] = `bytes=${have}-`;
      headers['if-range'] = `"${blob.digest}"`;
    }
    const { route } = this.rest;
    const permit = await route.gate.pass({ kind: 'request', method: 'GET', path: `/blobs/${blob.digest}` });
    const response = await route.send(permit, { headers, signal, prove: this.rest.prove });
    if (response.status === 200 || response.status === 206) return response;
    const body: unknown = await response.json().catch(() => undefined);
    throw refusalOf(this.rest.server, response, body);
  }
}

interface Storing {
  part: string;
  from: number;
  total: number;
  watch: StallWatch;
  onProgress: ((receivedBytes: number) => void) | undefined;
}

/** Every byte that came is on disk when this ends, however it ends. More than was promised is not taken. */
async function store(response: Response, to: Storing): Promise<void> {
  if (response.body === null) throw new NodeFailure('server-unreachable', 'expected a model, got an empty answer');
  const file = await open(to.part, to.from > 0 ? 'a' : 'w');
  try {
    let received = to.from;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      to.watch.alive();
      received += chunk.byteLength;
      if (received > to.total) {
        throw new NodeFailure('server-unreachable', `expected a model of ${to.total} bytes, got more`);
      }
      await file.appendFile(chunk);
      to.onProgress?.(received);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A signal that fires when nothing has come for a while, or when the caller gives up. */
class StallWatch {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly signal: AbortSignal;

  constructor(milliseconds: number, outer: AbortSignal | undefined) {
    this.signal = outer === undefined ? this.#controller.signal : AbortSignal.any([outer, this.#controller.signal]);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new DOMException('stalled', 'TimeoutError'));
    }, milliseconds);
  }

  alive(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw asFileFailure(error, `reading ${path}`);
  }
}

export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
