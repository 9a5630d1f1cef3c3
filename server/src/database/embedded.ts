import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';

/** Our tables are small; Postgres' own default would keep 128 MB for its buffers from the start. */
const postgresqlconf = ['shared_buffers = 16MB', 'wal_buffers = 1MB'];

/** Opens the embedded database; `memory://` keeps nothing. The caller closes it, or the process never ends. */
export async function openEmbedded(folder: string): Promise<PGlite> {
  if (folder !== 'memory://' && !existsSync(join(folder, 'PG_VERSION'))) await createCluster(folder);
  return PGlite.create(folder, { postgresqlconf });
}

/**
 * Lays out the files of a new database. That takes 500 MB which the engine never gives back, so it happens in a thread
 * that ends; and beside the final place, so that an interrupted attempt is not taken for a database.
 */
async function createCluster(folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  const workerData = {
    library: createRequire(import.meta.url).resolve('@electric-sql/pglite'),
    unfinished,
    postgresqlconf,
  };
  const worker = new Worker(createInThread, { eval: true, workerData });
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`database: its creation ended with code ${code}`)),
    );
  });
  await rm(folder, { recursive: true, force: true });
  await rename(unfinished, folder);
}

/** Text, because a thread needs a file that Node can run as it is, and under test these sources are TypeScript. */
const createInThread = `
const { workerData } = require('node:worker_threads');
const { PGlite } = require(workerData.library);
PGlite.create(workerData.unfinished, { postgresqlconf: workerData.postgresqlconf }).then((database) => database.close());
`;
