import 'reflect-metadata';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AuditLog } from '@consilium/server/dist/audit/audit-log.js';
import { Checkpoints } from '@consilium/server/dist/audit/checkpoints.js';
import { LogExport } from '@consilium/server/dist/audit/log-export.js';
import { LogSigner } from '@consilium/server/dist/audit/log-signer.js';
import { LogTree, sha256 } from '@consilium/server/dist/audit/log-tree.js';
import { openTransparencyLog } from '@consilium/server/dist/audit/open-log.js';
import { openDatabase, type DatabasePlace } from '@consilium/server/dist/database/database.js';
import { HomeFolder } from '@consilium/server/dist/settings/home-folder.js';
import { systemClock } from '@consilium/server/dist/settings/process-context.js';
import { hasDebianPostgres, startDebianPostgres } from '@consilium/server/dist/testing/debian-postgres.js';
import {
  canonicalJson,
  leafHash,
  verifyConsistency,
  verifyInclusion,
  type NewLogEvent,
  type TreeNode,
} from '@consilium/shared';
import { verifyFiles } from '@consilium/verify/command';
import { Command } from 'commander';
import type { DataSource } from 'typeorm';
import { median } from './light-run.js';
import { thisMachine, type BenchReport } from './report.js';

const BATCH = 5000;
const PROOFS = 200;
const APPENDS = 300;
const actor = { kind: 'server' } as const;
const eventOf = (size: number): NewLogEvent => ({ type: 'log-exported', actor, size });

/** Proofs from a log of a million entries, how fast it grows, and how fast a house verifies all of it, on both databases. */
export async function run(args: string[]): Promise<BenchReport> {
  const { entries } = new Command('log')
    .option('--entries <n>', 'entries in the log', '1000000')
    .parse(args, { from: 'user' })
    .opts<{ entries: string }>();
  const size = Number(entries);
  const rows = [await measure('PGlite', { folder: 'memory://' }, size)];
  if (hasDebianPostgres) {
    const postgres = await startDebianPostgres();
    try {
      rows.push(await measure('Postgres 15', { url: postgres.url }, size));
    } finally {
      await postgres.stop();
    }
  }
  return { machine: thisMachine(), rows, ratios: {} };
}

async function measure(name: string, place: DatabasePlace, size: number): Promise<BenchReport['rows'][number]> {
  const folder = await mkdtemp(join(tmpdir(), 'consilium-log-'));
  const { dataSource, close } = await openDatabase(place);
  try {
    const home = HomeFolder.open(folder, true);
    await openTransparencyLog({ dataSource, home, clock: systemClock });
    await fill(dataSource, size);
    const tree = new LogTree(dataSource);
    const root = await tree.root(size);
    const inclusion = await each(PROOFS, async (i) => {
      const index = 1 + Math.floor((i * (size - 1)) / PROOFS);
      const proof = await tree.inclusion(index, size);
      return () => verifyInclusion({ leaf: leafAt(index), index, size, root, proof }, sha256);
    });
    const consistency = await each(PROOFS, async (i) => {
      const oldSize = 1 + Math.floor((i * size) / PROOFS);
      const proof = await tree.consistency(oldSize, size);
      const oldRoot = await tree.root(oldSize);
      return () => verifyConsistency({ oldSize, oldRoot, size, root, proof }, sha256);
    });
    const log = new AuditLog(systemClock);
    const append = () => dataSource.transaction((manager) => log.append(manager, eventOf(1)));
    const one = await each(APPENDS, async () => (await append(), () => true));
    const started = performance.now();
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let i = 0; i < APPENDS / 10; i++) await append();
      }),
    );
    return {
      database: name,
      entries: size,
      inclusion_ms: median(inclusion),
      inclusion_worst_ms: Math.max(...inclusion),
      consistency_and_root_ms: median(consistency),
      append_ms: median(one),
      appends_a_second_by_ten: Math.round((APPENDS / (performance.now() - started)) * 1000),
      ...(await verifyAll(dataSource, home, folder)),
    };
  } finally {
    await close();
    await rm(folder, { recursive: true });
  }
}

/** As a house does it: the whole log to a file, and `consilium-verify` over the file. */
async function verifyAll(
  dataSource: DataSource,
  home: HomeFolder,
  folder: string,
): Promise<BenchReport['rows'][number]> {
  const file = join(folder, 'log.jsonl');
  const checkpoints = new Checkpoints(
    dataSource,
    new LogTree(dataSource),
    new LogSigner(dataSource, home),
    systemClock,
  );
  const exporting = performance.now();
  const lines = new LogExport(dataSource, new AuditLog(systemClock), checkpoints).lines();
  await pipeline(Readable.from(lines), createWriteStream(file));
  const verifying = performance.now();
  const { outcome, size } = await verifyFiles({ log: file, sites: [], blobs: undefined });
  const verified = performance.now();
  if (outcome !== 'verified') throw new Error(`log: expected the export to be verified, got ${outcome}`);
  return {
    export_megabytes: Math.round((await stat(file)).size / 1e6),
    export_s: (verifying - exporting) / 1000,
    verify_s: (verified - verifying) / 1000,
    verified_a_second: Math.round((size / (verified - verifying)) * 1000),
  };
}

/** Milliseconds of each; what they give is checked outside of the time. */
async function each(count: number, work: (i: number) => Promise<() => boolean>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    const check = await work(i);
    times.push(performance.now() - started);
    if (!check()) throw new Error(`log: expected number ${i} to be verified`);
  }
  return times;
}

const textAt = (index: number): string => canonicalJson({ ...eventOf(index), at: '2026-01-01T00:00:00.000Z' });
const leafAt = (index: number): Uint8Array => leafHash(Buffer.from(textAt(index), 'utf8'), sha256);

/** In bulk up to `size`, past the service: only what is measured afterwards goes through it. */
async function fill(dataSource: DataSource, size: number): Promise<void> {
  const frontier = await new LogTree(dataSource).frontier();
  for (let from = frontier.size; from < size; from += BATCH) {
    const indexes = Array.from({ length: Math.min(BATCH, size - from) }, (_, i) => from + i);
    const nodes: TreeNode[] = indexes.flatMap((index) => frontier.append(leafAt(index)));
    await dataSource.query(
      `INSERT INTO "log_entry" ("index", "at", "type", "text")
       SELECT entry."index", now(), 'log-exported', entry."text" FROM unnest($1::bigint[], $2::text[]) AS entry("index", "text")`,
      [indexes, indexes.map(textAt)],
    );
    await dataSource.query(
      `INSERT INTO "log_node" ("level", "index", "hash") SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])`,
      [nodes.map(({ level }) => level), nodes.map(({ index }) => index), nodes.map(({ hash }) => Buffer.from(hash))],
    );
  }
}
