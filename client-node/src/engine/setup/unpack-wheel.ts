import { createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { SetupProblem } from './setup-problem.js';

export interface UnpackOptions {
  /** Name in the archive -> file to write. Names that are not listed are not read. */
  files: ReadonlyMap<string, string>;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

const blockBytes = 1 << 20;

/** Writes the listed files of a zip archive as streams, so memory stays small whatever their size. */
export async function unpackArchive(archive: string, options: UnpackOptions): Promise<void> {
  const zip = await openArchive(archive);
  try {
    const entries = await listEntries(zip, options.files, archive);
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    let done = 0;
    const count = (bytes: number): void => {
      done += bytes;
      options.onProgress?.(done, total);
    };
    // Two at a time, the large ones first: inflating runs on the thread pool, so this uses two cores.
    const queue = entries.sort((a, b) => b.uncompressedSize - a.uncompressedSize).values();
    const writeQueue = async (): Promise<void> => {
      for (const entry of queue)
        await writeEntry(zip, entry, options.files.get(entry.fileName)!, count, options.signal);
    };
    await Promise.all([writeQueue(), writeQueue()]);
  } finally {
    zip.close();
  }
}

function openArchive(archive: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(archive, { lazyEntries: true, autoClose: false }, (error, zip) => {
      // yauzl's own type leaves the error non-null beside the archive.
      const failure = error;
      if (failure === null) resolve(zip);
      else if ('code' in failure) reject(failure);
      else reject(new SetupProblem('wheel-refused', `${archive} is not a readable archive: ${failure.message}.`));
    });
  });
}

function listEntries(zip: ZipFile, wanted: ReadonlyMap<string, string>, archive: string): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const found: Entry[] = [];
    zip.on('entry', (entry: Entry) => {
      if (wanted.has(entry.fileName)) found.push(entry);
      zip.readEntry();
    });
    zip.once('error', (error: Error) => {
      reject(new SetupProblem('wheel-refused', `${archive} is a damaged archive: ${error.message}.`));
    });
    zip.once('end', () => {
      const names = new Set(found.map((entry) => entry.fileName));
      const absent = [...wanted.keys()].find((name) => !names.has(name));
      if (absent === undefined) resolve(found);
      else reject(new SetupProblem('wheel-refused', `${archive} should hold ${absent}, and does not.`));
    });
    zip.readEntry();
  });
}

async function writeEntry(
  zip: ZipFile,
  entry: Entry,
  file: string,
  count: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true });
  let written = 0;
  const counter = new Transform({
    highWaterMark: blockBytes,
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length;
      count(chunk.length);
      done(null, chunk);
    },
  });
  const inflate = entry.isCompressed() ? createInflateRaw({ chunkSize: blockBytes }) : new PassThrough();
  const output = createWriteStream(file, { highWaterMark: blockBytes });
  await pipeline(await rawContent(zip, entry), inflate, counter, output, signal ? { signal } : {});
  if (written === entry.uncompressedSize) return;
  throw new SetupProblem(
    'wheel-refused',
    `${entry.fileName} should have ${String(entry.uncompressedSize)} bytes, and ${String(written)} came.`,
  );
}

/** The bytes as stored: yauzl's own inflating goes in blocks of 16 KB, which costs as much as the work itself. */
function rawContent(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const options = { decompress: entry.isCompressed() ? false : null, decrypt: null, start: null, end: null };
    zip.openReadStream(entry, options, (error, stream) => {
      const failure = error;
      if (failure === null) resolve(stream);
      else reject(failure);
    });
  });
}
