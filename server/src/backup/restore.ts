import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { DigestSchema } from '@consilium/shared';
import { digestOfFile } from '../blobs/blob-store.js';
import { openBlobStore } from '../blobs/open-blob-store.js';
import { openDatabase, type Database } from '../database/database.js';
import { HomeFolder } from '../settings/home-folder.js';
import type { Settings } from '../settings/settings.js';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { blobFile, hashed } from './back-up.js';
import { BackupManifest, MANIFEST } from './backup-format.js';
import { writeRows } from './tables.js';

const BATCH = 1000;

/**
 * Puts a backup into a home and a database that hold nothing yet, whatever database it was made from, and migrates it to this
 * version. Everything is checked before the first row is written; what fails afterwards leaves nothing behind.
 */
export async function restore(settings: Settings, folder: string): Promise<BackupManifest> {
  const manifest = await readManifest(folder);
  await checkFiles(manifest, folder);
  const taken = manifest.home.map(({ name }) => join(settings.home, name)).find((file) => existsSync(file));
  if (taken !== undefined) {
    throw new StartRefused(ExitCode.usage, `Nothing was restored: expected an empty home, found ${taken}.`);
  }
  await mkdir(settings.home, { recursive: true });
  for (const { name } of manifest.home) await copyFile(join(folder, 'home', name), join(settings.home, name));
  const home = HomeFolder.open(settings.home, settings.databaseUrl !== undefined);
  const place = settings.databaseUrl === undefined ? { folder: home.database } : { url: settings.databaseUrl };
  try {
    const database = await openDatabase(place, { through: manifest.migration });
    try {
      await fillDatabase(database, manifest, folder);
      await fillBlobs(settings, home, folder);
    } finally {
      await database.close();
    }
    // The migrations that this version has beyond the backup's.
    await (await openDatabase(place)).close();
    return manifest;
  } catch (error) {
    if (settings.databaseUrl === undefined) await rm(home.database, { recursive: true, force: true });
    for (const { name } of manifest.home) await rm(join(settings.home, name), { force: true });
    throw error;
  } finally {
    home.release();
  }
}

async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined);
  const parsed = BackupManifest.safeParse(text === undefined ? undefined : parseJson(text));
  if (parsed.success) return parsed.data;
  throw new StartRefused(
    ExitCode.usage,
    `Nothing was restored: expected a backup in ${folder}, found no readable ${MANIFEST}.`,
  );
}

async function checkFiles(manifest: BackupManifest, folder: string): Promise<void> {
  const files = [
    ...manifest.tables.map(({ name, digest }) => ({ file: join(folder, 'database', `${name}.jsonl`), digest })),
    ...manifest.home.map(({ name, digest }) => ({ file: join(folder, 'home', name), digest })),
  ];
  for (const { file, digest } of files) {
    const got = existsSync(file) ? await digestOfFile(file) : 'no file';
    if (got !== digest) throw damaged(file, digest, got);
  }
  const blobs = await blobsOf(folder);
  if (blobs.length !== manifest.blobs.count) {
    throw damaged(join(folder, 'blobs'), `${manifest.blobs.count} blobs`, String(blobs.length));
  }
  for (const digest of blobs) {
    const got = await digestOfFile(blobFile(folder, digest));
    if (got !== digest) throw damaged(blobFile(folder, digest), digest, got);
  }
}

async function fillDatabase({ dataSource }: Database, manifest: BackupManifest, folder: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    for (const { name, rows } of manifest.tables) {
      const [{ exists }] = await manager.query<{ exists: boolean }[]>(
        `SELECT EXISTS (SELECT 1 FROM "${name}") AS exists`,
      );
      if (exists) {
        throw new StartRefused(
          ExitCode.usage,
          `Nothing was restored: expected an empty database, found rows in ${name}.`,
        );
      }
      const written = await writeRows(manager, name, batchesOf(join(folder, 'database', `${name}.jsonl`)));
      if (written !== rows) throw damaged(name, `${rows} rows`, String(written));
    }
  });
}

async function fillBlobs(settings: Settings, home: HomeFolder, folder: string): Promise<void> {
  const store = openBlobStore(settings, home, ' restore');
  for (const digest of await blobsOf(folder)) {
    const copy = join(store.making, randomUUID());
    const hash = createHash('sha256');
    let bytes = 0;
    const source = createReadStream(blobFile(folder, digest), { highWaterMark: 1 << 20 });
    source.on('data', (chunk) => (bytes += chunk.length));
    await pipeline(source, hashed(hash), createWriteStream(copy));
    const got = hash.digest('hex');
    if (got !== digest) throw damaged(blobFile(folder, digest), digest, got);
    await store.adopt(copy, digest, bytes);
  }
}

async function blobsOf(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'blobs'), { recursive: true });
  return names.map((name) => name.split('/').at(-1)!).filter((name) => DigestSchema.safeParse(name).success);
}

async function* batchesOf(file: string): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (batch.push(line) < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function damaged(what: string, expected: string, got: string): StartRefused {
  return new StartRefused(
    ExitCode.missing,
    `Nothing was restored: the backup is damaged at ${what}: expected ${expected}, got ${got}.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
