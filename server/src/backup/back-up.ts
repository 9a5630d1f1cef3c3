import { createHash, type Hash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '@consilium/shared';
import type { EntityManager } from 'typeorm';
import { BlobEntity } from '../blobs/blob.entity.js';
import type { BlobStore } from '../blobs/blob-store.js';
import type { ProcessContext } from '../settings/process-context.js';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { VERSION } from '../settings/version.js';
import { HOME_FILES, MANIFEST, type BackupManifest } from './backup-format.js';
import { rowsOf, tablesInOrder } from './tables.js';

/**
 * Writes a backup to `folder`, which must not exist; it appears there when it is whole. The rows are of one moment, and blobs are
 * copied afterwards: content never changes under its digest, so they belong to the rows.
 */
export async function backUp(
  { dataSource, home, clock }: ProcessContext,
  store: BlobStore,
  folder: string,
): Promise<BackupManifest> {
  if (existsSync(folder)) {
    throw new StartRefused(ExitCode.usage, `The backup was not made: expected no ${folder} yet, found one.`);
  }
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  try {
    for (const part of ['database', 'home', 'blobs']) await mkdir(join(unfinished, part), { recursive: true });
    const rows = await dataSource.transaction('REPEATABLE READ', (manager) => writeTables(manager, unfinished));
    const blobs = await copyBlobs(rows.blobs, store, unfinished);
    const manifest: BackupManifest = {
      format: 'consilium-backup/1',
      version: VERSION,
      madeAt: clock.now().toISOString(),
      migration: rows.migration,
      tables: rows.tables,
      home: await Promise.all(HOME_FILES.map((name) => copyHomeFile(join(home.path, name), name, unfinished))),
      blobs,
    };
    await writeFile(join(unfinished, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(unfinished, folder);
    return manifest;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function writeTables(manager: EntityManager, folder: string) {
  const [{ name: migration }] = await manager.query<{ name: string }[]>(
    'SELECT "name" FROM "migrations" ORDER BY "timestamp" DESC LIMIT 1',
  );
  const tables: BackupManifest['tables'] = [];
  for (const name of await tablesInOrder(manager)) {
    let rows = 0;
    const hash = createHash('sha256');
    const lines = async function* (): AsyncGenerator<string> {
      for await (const batch of rowsOf(manager, name)) {
        rows += batch.length;
        yield `${batch.join('\n')}\n`;
      }
    };
    await pipeline(Readable.from(lines()), hashed(hash), createWriteStream(join(folder, 'database', `${name}.jsonl`)));
    tables.push({ name, rows, digest: hash.digest('hex') });
  }
  const blobs = await manager.find(BlobEntity, { select: { digest: true, bytes: true }, order: { digest: 'ASC' } });
  return { migration, tables, blobs };
}

async function copyBlobs(
  blobs: readonly Pick<BlobEntity, 'digest' | 'bytes'>[],
  store: BlobStore,
  folder: string,
): Promise<BackupManifest['blobs']> {
  let [count, total] = [0, 0];
  for (const { digest, bytes } of blobs) {
    // Retention has removed it since its row was read; nothing that is still needed refers to it.
    if ((await store.sizeOf(digest)) === null) continue;
    const hash = createHash('sha256');
    const file = blobFile(folder, digest);
    await mkdir(dirname(file), { recursive: true });
    await pipeline(await store.read(digest), hashed(hash), createWriteStream(file));
    if (hash.digest('hex') !== digest) {
      throw new StartRefused(
        ExitCode.missing,
        `The backup was not made: the content of blob ${digest} is no longer what its name says.`,
      );
    }
    count++;
    total += bytes;
  }
  return { count, bytes: total };
}

async function copyHomeFile(
  from: string,
  name: (typeof HOME_FILES)[number],
  folder: string,
): Promise<BackupManifest['home'][number]> {
  const content = await readFile(from);
  await writeFile(join(folder, 'home', name), content, { mode: 0o600 });
  return { name, digest: createHash('sha256').update(content).digest('hex') };
}

export function blobFile(folder: string, digest: Digest): string {
  return join(folder, 'blobs', digest.slice(0, 2), digest);
}

export function hashed(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
