import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@consilium/server/dist/database/database.js';
import { OperatorClient, type RoundView } from '@consilium/shared';
import { verifyFiles } from '@consilium/verify/command';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgres, type TestDatabase } from '../support/databases.js';
import { OPERATOR, SERVER_PROGRAM, ServerProcess } from '../support/server-process.js';

interface Ended {
  code: number;
  said: string;
}

/** Of every command here, also where it does not succeed. */
function server(...args: string[]): Promise<Ended> {
  const env = {
    ...process.env,
    CONSILIUM_OPERATOR_NAME: OPERATOR.name,
    CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [SERVER_PROGRAM, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: `${stdout}${stderr}` }),
    );
  });
}

interface Held {
  rounds: Pick<RoundView, 'id' | 'number' | 'state'>[];
  /** Of the log's first entries, up to the backup. */
  firstEntries: unknown;
}

describe('a server that is backed up and restored', { timeout: 120_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'consilium-backup-'));
  const [home, backup] = [join(root, 'home'), join(root, 'backup')];
  let before: Held;
  let postgresHere: TestDatabase | undefined;
  beforeAll(async () => {
    const running = await ServerProcess.start(home);
    const simulated = await server(
      'simulate',
      '--server',
      running.url,
      '--sites',
      '3',
      '--rounds',
      '2',
      '--width',
      '2',
    );
    expect(simulated, simulated.said).toMatchObject({ code: 0 });
    before = await held(running.url);
    const refused = await server('backup', '--home', home, '--out', backup);
    expect(refused.code).toBe(2);
    expect(refused.said).toContain('is in use by the server process');
    await running.stop();
    const made = await server('backup', '--home', home, '--out', backup);
    expect(made, made.said).toMatchObject({ code: 0 });
    expect(made.said).toMatch(/^\d+ rows and \d+ blobs \(\d+\.\d MB\) were written to /);
  }, 120_000);
  afterAll(async () => {
    await postgresHere?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  async function held(url: string): Promise<Held> {
    const operator = await OperatorClient.logIn(url, OPERATOR);
    const [study] = await operator.studies();
    const rounds = (await operator.rounds(study.id)).map(({ id, number, state }) => ({ id, number, state }));
    const page = await new Response(await operator.open('/log/entries?limit=20')).json();
    return { rounds, firstEntries: (page as { entries: unknown }).entries };
  }

  /** As it was, its log a continuation, its models those that their updates give. */
  async function expectSame(target: string, databaseUrl?: string): Promise<void> {
    const restored = await ServerProcess.start(target, 0, { databaseUrl });
    try {
      expect(await held(restored.url)).toEqual(before);
    } finally {
      await restored.stop();
    }
    const place = databaseUrl === undefined ? [] : ['--database-url', databaseUrl];
    const recomputed = await server('rounds', 'recompute', '2', '--home', target, ...place);
    expect(recomputed, recomputed.said).toMatchObject({ code: 0 });
    const log = join(target, `log-${crypto.randomUUID()}.jsonl`);
    const exported = await server('audit', 'export', '--home', target, ...place, '--out', log);
    expect(exported, exported.said).toMatchObject({ code: 0 });
    expect(await verifyFiles({ log, sites: [], blobs: undefined })).toMatchObject({ outcome: 'verified' });
  }

  it('is the same on another embedded database, also after a version down and up again', async () => {
    const target = join(root, 'other');
    const done = await server('restore', backup, '--home', target);
    expect(done, done.said).toMatchObject({ code: 0 });
    await expectSame(target);
    const database = await openDatabase({ folder: join(target, 'database') });
    await database.dataSource.undoLastMigration();
    await database.dataSource.undoLastMigration();
    await database.close();
    await expectSame(target);
  });

  it.runIf(postgres.here)('is the same on Postgres 15', async () => {
    postgresHere = await postgres.start();
    const target = join(root, 'on-postgres');
    const done = await server('restore', backup, '--home', target, '--database-url', postgresHere.url!);
    expect(done, done.said).toMatchObject({ code: 0 });
    await expectSame(target, postgresHere.url);
    const again = await server('restore', backup, '--home', join(root, 'again'), '--database-url', postgresHere.url!);
    expect(again.code).toBe(2);
    expect(again.said).toContain('expected an empty database');
    expect(readdirSync(join(root, 'again')).filter((name) => name.endsWith('.json'))).toEqual([]);
  });

  it('takes neither a home that is taken nor a damaged backup, and leaves nothing behind', async () => {
    const taken = await server('restore', backup, '--home', home);
    expect(taken.code).toBe(2);
    expect(taken.said).toContain('expected an empty home');
    appendFileSync(join(backup, 'database', 'round.jsonl'), '\n');
    const target = join(root, 'damaged');
    const damaged = await server('restore', backup, '--home', target);
    expect(damaged.code).toBe(4);
    expect(damaged.said).toMatch(/^Nothing was restored: the backup is damaged at .*round\.jsonl/);
    expect(existsSync(join(target, 'identity.json'))).toBe(false);
    const none = await server('restore', root, '--home', target);
    expect(none.code).toBe(2);
    expect(none.said).toContain('expected a backup');
  });
});
