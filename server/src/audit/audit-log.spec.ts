import 'reflect-metadata';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MerkleTree, verifyConsistency, verifyInclusion, type LogActor, type NewLogEvent } from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database, type DatabasePlace } from '../database/database.js';
import { systemClock } from '../settings/process-context.js';
import { hasDebianPostgres, startDebianPostgres } from '../testing/debian-postgres.js';
import { AuditLog, leafOf } from './audit-log.js';
import { LogEntryEntity } from './log-entry.entity.js';
import { LogTree } from './log-tree.js';

const operator: LogActor = { kind: 'operator', id: '7f0c6cbe-11d7-4b6b-9a3f-0a8c5b7c9d10', name: 'operator' };
const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
const exported = (size: number): NewLogEvent => ({ type: 'log-exported', actor: operator, size });

interface Place {
  place: DatabasePlace;
  stop: () => Promise<void>;
}

const kinds: { name: string; here: boolean; start: () => Promise<Place> }[] = [
  {
    name: 'PGlite',
    here: true,
    start: () => {
      const folder = mkdtempSync(join(tmpdir(), 'consilium-log-'));
      const stop = (): Promise<void> => rm(folder, { recursive: true, force: true });
      return Promise.resolve({ place: { folder: join(folder, 'database') }, stop });
    },
  },
  {
    name: 'Postgres 15',
    here: hasDebianPostgres,
    start: async () => {
      const postgres = await startDebianPostgres();
      return { place: { url: postgres.url }, stop: () => postgres.stop() };
    },
  },
];

for (const { name, here, start } of kinds)
  describe.runIf(here)(`the log on ${name}`, { timeout: 60_000 }, () => {
    const log = new AuditLog(systemClock);
    let place: Place;
    let database: Database;
    let tree: LogTree;
    const append = (...events: NewLogEvent[]): Promise<number> =>
      database.dataSource.transaction((manager) => log.append(manager, ...events));
    const texts = async (): Promise<string[]> => {
      const rows = await database.dataSource.getRepository(LogEntryEntity).find({ order: { index: 'ASC' } });
      expect(rows.map(({ index }) => index)).toEqual(rows.map((_, i) => i));
      return rows.map(({ text }) => text);
    };
    const inMemory = async (): Promise<MerkleTree> => {
      const whole = new MerkleTree();
      for (const text of await texts()) whole.append(leafOf(text));
      return whole;
    };
    const open = async (): Promise<void> => {
      database = await openDatabase(place.place);
      tree = new LogTree(database.dataSource);
    };

    beforeAll(async () => {
      place = await start();
      await open();
    }, 120_000);
    afterAll(async () => {
      await database.close();
      await place.stop();
    });

    it('gives concurrent appends of several connections the next indexes without a gap', async () => {
      expect(await tree.size()).toBe(0);
      const indexes = await Promise.all(Array.from({ length: 40 }, (_, i) => append(exported(i))));
      expect([...indexes].sort((a, b) => a - b)).toEqual(indexes.map((_, i) => i));
      const sizes = (await texts()).map((text) => (JSON.parse(text) as { size: number }).size);
      expect(indexes.map((index) => sizes[index])).toEqual(indexes.map((_, i) => i));
    });

    it('appends several events of one transaction one after the other', async () => {
      const before = await tree.size();
      expect(await append(exported(1), exported(2), exported(3))).toBe(before);
      expect(await tree.size()).toBe(before + 3);
    });

    it('leaves no entry, no gap and no lock where a transaction rolls back', async () => {
      const before = await tree.size();
      const failing = Array.from({ length: 5 }, (_, i) =>
        database.dataSource.transaction(async (manager) => {
          await log.append(manager, exported(1000 + i));
          throw new Error('for the test');
        }),
      );
      const [failed, kept] = await Promise.all([Promise.allSettled(failing), append(exported(1))]);
      expect(failed.every(({ status }) => status === 'rejected')).toBe(true);
      expect(kept).toBe(before);
      expect(await tree.size()).toBe(before + 1);
    });

    it('refuses what is no event of the log, with everything else of the transaction', async () => {
      const before = await tree.size();
      const secret: NewLogEvent = Object.assign(exported(1), { password: 'hunter2' });
      await expect(append(exported(1), secret)).rejects.toThrow(/password/);
      expect(await tree.size()).toBe(before);
    });

    it('has the root and the proofs of a tree in memory, at every index and size', async () => {
      const whole = await inMemory();
      const size = whole.size;
      for (let old = 0; old <= size; old++) {
        const root = await tree.root(old);
        expect(hex(root)).toBe(hex(whole.root(old)));
        const proof = await tree.consistency(old, size);
        expect(verifyConsistency({ oldSize: old, oldRoot: root, size, root: whole.root(), proof })).toBe(true);
        if (old === size) continue;
        const claim = { leaf: whole.at({ level: 0, index: old }), index: old, size, root: whole.root() };
        expect(verifyInclusion({ ...claim, proof: await tree.inclusion(old, size) })).toBe(true);
      }
      await expect(tree.inclusion(size, size)).rejects.toThrow(RangeError);
      await expect(tree.inclusion(0, size + 1)).rejects.toThrow(RangeError);
    });

    it('grows on after a restart where it was', async () => {
      await database.close();
      await open();
      const before = await tree.size();
      expect(await append(exported(7))).toBe(before);
      expect(hex((await tree.frontier()).root())).toBe(hex((await inMemory()).root()));
    });

    it.each(['log_entry', 'log_node', 'log_checkpoint', 'log_cosignature', 'model_signature'])(
      'lets nobody change or remove a row of %s',
      async (table) => {
        const size = await tree.size();
        const column = { log_entry: 'at', log_node: 'hash' }[table] ?? 'size';
        const set = table === 'model_signature' ? 'version' : column;
        const { dataSource } = database;
        await expect(dataSource.query(`UPDATE "${table}" SET "${set}" = "${set}"`)).rejects.toThrow(/added only/);
        await expect(dataSource.query(`DELETE FROM "${table}"`)).rejects.toThrow(/added only/);
        await expect(dataSource.query(`TRUNCATE "${table}" CASCADE`)).rejects.toThrow(/added only/);
        expect(await tree.size()).toBe(size);
      },
    );
  });
