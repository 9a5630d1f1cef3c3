import 'reflect-metadata';
import { afterAll, describe, expect, it } from 'vitest';
import { hasDebianPostgres, startDebianPostgres } from '../testing/debian-postgres.js';
import { openDatabase, type DatabasePlace } from './database.js';

const cleanUp: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const step of cleanUp.reverse()) await step();
});

async function expectAgreement(place: DatabasePlace): Promise<void> {
  const database = await openDatabase(place);
  cleanUp.push(() => database.close());
  const { dataSource } = database;
  const difference = async () =>
    (await dataSource.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);
  expect(await difference()).toEqual([]);
  for (let left = dataSource.migrations.length; left > 0; left--) await dataSource.undoLastMigration();
  const left: unknown[] = await dataSource.query(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'migrations'`,
  );
  expect(left).toEqual([]);
  await dataSource.runMigrations();
  expect(await difference()).toEqual([]);
}

describe('the schema agrees with the entities, and migrates down to nothing and up again', () => {
  it('on the embedded database', { timeout: 60_000 }, () => expectAgreement({ folder: 'memory://' }));

  it.runIf(hasDebianPostgres)('on Postgres 15', { timeout: 60_000 }, async () => {
    const postgres = await startDebianPostgres();
    cleanUp.push(() => postgres.stop());
    await expectAgreement({ url: postgres.url });
  });
});
