import 'reflect-metadata';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from './database.js';

const opened: Database[] = [];
afterAll(async () => {
  for (const database of opened) await database.close();
});

describe('database on the embedded engine', () => {
  it('has a schema that agrees with the entities, and migrates down to nothing and up again', async () => {
    const database = await openDatabase({ folder: 'memory://' });
    opened.push(database);
    const { dataSource } = database;
    const difference = await dataSource.driver.createSchemaBuilder().log();
    expect(difference.upQueries.map((query) => query.query)).toEqual([]);
    for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
    const left: { table_name: string }[] = await dataSource.query(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'migrations'`,
    );
    expect(left).toEqual([]);
    await dataSource.runMigrations();
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([]);
  }, 30_000);
});
