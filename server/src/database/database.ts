import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { migrations } from '@consilium/migrations';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { AfterCommit } from './after-commit.js';
import { openEmbedded } from './embedded.js';
import { entities } from './entities.js';

export interface Database {
  dataSource: DataSource;
  close: () => Promise<void>;
}

/** Where the tables live: a Postgres by its address, or the embedded one in a folder (`memory://` for tests). */
export type DatabasePlace = { url: string } | { folder: string };

/** Opens the database and runs the migrations that it lacks; with `through`, none after the one of that name. */
export async function openDatabase(place: DatabasePlace, { through }: { through?: string } = {}): Promise<Database> {
  const migrations = migrationsThrough(through);
  const database = 'url' in place ? await connect(place.url, migrations) : await embed(place.folder, migrations);
  try {
    if ('url' in place) await migrateAlone(database.dataSource);
    else await database.dataSource.runMigrations({ transaction: 'each' });
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

type Migrations = typeof migrations;

function migrationsThrough(last: string | undefined): Migrations {
  if (last === undefined) return migrations;
  const names = migrations.map((migration) => migration.name);
  if (names.includes(last)) return migrations.slice(0, names.indexOf(last) + 1);
  throw new StartRefused(
    ExitCode.usage,
    `The database is of a newer version: expected one of the migrations up to ${names.at(-1)}, got ${last}.`,
  );
}

/** Any number: what counts is that all processes lock the same. */
const MIGRATION_LOCK = 1_200_700;

/** Several processes may start at once on an empty Postgres. */
async function migrateAlone(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    await runner.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`).catch(() => undefined);
    await runner.release();
  }
}

const common = {
  type: 'postgres',
  entities,
  subscribers: { AfterCommit },
  synchronize: false,
  installExtensions: false,
} as const;

async function connect(url: string, migrations: Migrations): Promise<Database> {
  const options: DataSourceOptions = { ...common, migrations, driver: pg, url, connectTimeoutMS: 10_000, poolSize: 10 };
  const dataSource = new DataSource(options);
  try {
    await dataSource.initialize();
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new StartRefused(ExitCode.usage, `The database at ${withoutPassword(url)} does not answer: ${cause}.`);
  }
  return { dataSource, close: () => dataSource.destroy() };
}

/** PGlite has one connection: a pool of one, never idle out, because its adapter cannot be connected twice. */
async function embed(folder: string, migrations: Migrations): Promise<Database> {
  const pglite = await openEmbedded(folder);
  const { connection, user, password, database, host, port } = createPgConfig(pglite);
  const extra = { connection, user, password, database, host, port, max: 1, idleTimeoutMillis: 0 };
  const dataSource = new DataSource({ ...common, migrations, driver: pg, extra });
  try {
    await dataSource.initialize();
  } catch (error) {
    await pglite.close();
    throw error;
  }
  return {
    dataSource,
    close: async () => {
      await dataSource.destroy();
      await pglite.close();
    },
  };
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
