import 'reflect-metadata';
import { StudyManifest } from '@consilium/shared';
import { afterAll, describe, expect, it } from 'vitest';
import { hasDebianPostgres, startDebianPostgres } from '../testing/debian-postgres.js';
import { StudyEntity } from '../studies/study.entity.js';
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

it('a study that the first release wrote has its rule as an object, and its digest, after the upgrade', async () => {
  const { dataSource, close } = await openDatabase({ folder: 'memory://' });
  cleanUp.push(close);
  const undoDownTo = async (name: string): Promise<void> => {
    const isDone = async () =>
      (await dataSource.query<unknown[]>('SELECT 1 FROM migrations WHERE name = $1', [name])).length > 0;
    while (await isDone()) await dataSource.undoLastMigration();
  };
  await undoDownTo('Rounds1700000007000');
  const { aggregation, ...others } = StudyManifest.parse({ name: 'old' });
  const manifest = { ...others, aggregation: { ...aggregation, rule: 'fedavg' } };
  const row = [crypto.randomUUID(), 'd'.repeat(64), 'paused', manifest, 0, new Date()];
  const columns = 'id, digest, state, manifest, aborts_in_a_row, created_at';
  await dataSource.query(`INSERT INTO study (${columns}) VALUES ($1, $2, $3, $4, $5, $6)`, row);
  await dataSource.runMigrations();
  const study = await dataSource.getRepository(StudyEntity).findOneByOrFail({ digest: 'd'.repeat(64) });
  expect(study.manifest).toEqual(StudyManifest.parse({ name: 'old' }));
  await undoDownTo('Rounds1700000007000');
  expect(await dataSource.query(`SELECT manifest->'aggregation'->'rule' AS rule FROM study`)).toEqual([
    { rule: 'fedavg' },
  ]);
});
