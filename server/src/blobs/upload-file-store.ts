import { createWriteStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import { systemCode } from '../settings/start-refused.js';

/** Milliseconds for which an interrupted upload can be resumed. */
const EXPIRY = 7 * 86_400_000;

/** The files of unfinished uploads. Unlike its parent it lets a full disk be seen as one, and then frees what it took. */
export class UploadFileStore extends FileStore {
  constructor(directory: string) {
    super({ directory, expirationPeriodInMilliseconds: EXPIRY });
    // The digest has to be known before the first byte and the length decides whether the upload is let in.
    this.extensions = ['creation', 'creation-with-upload', 'termination', 'expiration'];
  }

  pathOf(id: string): string {
    return join(this.directory, id);
  }

  override async write(readable: IncomingMessage | Readable, id: string, offset: number): Promise<number> {
    const file = this.pathOf(id);
    try {
      await pipeline(readable, createWriteStream(file, { flags: 'r+', start: offset }));
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC') throw error;
      await truncate(file, 0);
      await this.remove(id);
      throw error;
    }
    return (await stat(file)).size;
  }
}
