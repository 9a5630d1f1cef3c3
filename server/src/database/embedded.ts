import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';

/** Our tables are small; Postgres' own default would keep 128 MB for its buffers from the start. */
const postgresqlconf = ['shared_buffers = 16MB', 'wal_buffers = 1MB'];

/** Opens the embedded database; `memory://` keeps nothing. The caller closes it, or the process never ends. */
export async function openEmbedded(folder: string): Promise<PGlite> {
  if (folder !== 'memory://' && !existsSync(join(folder, 'PG_VERSION'))) await createCluster(folder);
  return PGlite.create(folder, { postgresqlconf });
}

/**
 * Lays out the files of a new database. That takes 500 MB which the engine never gives back, so it happens in a process
 * that ends; and beside the final place, so that an interrupted attempt is not taken for a database.
 */
async function createCluster(folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const library = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const job = [library, unfinished, JSON.stringify(postgresqlconf)];
  await promisify(execFile)(process.execPath, ['--eval', createInProcess, ...job]);
  await rm(folder, { recursive: true, force: true });
  await rename(unfinished, folder);
}

/** Text, because under test these sources are TypeScript, which Node does not run as it is. */
const createInProcess = `
const [, library, folder, postgresqlconf] = process.argv;
const { PGlite } = require(library);
PGlite.create(folder, { postgresqlconf: JSON.parse(postgresqlconf) }).then((database) => database.close());
`;
