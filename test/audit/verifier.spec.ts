import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fill } from '@consilium/server/dist/simulation/light-site.js';
import {
  CheckpointView,
  exportLine,
  fromBase64url,
  leafHash,
  LogExportHeader,
  LogKeys,
  MerkleTree,
  signCheckpoint,
  signerOf,
  type LogEvent,
  type Signer,
} from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embedded } from '../support/databases.js';
import { RoundsBench } from '../support/rounds-bench.js';

const PROGRAM = join(dirname(createRequire(import.meta.url).resolve('@consilium/verify/command')), 'main.js');

/** An export taken apart: its entries, and what the server has signed of them. */
interface Log {
  header: LogExportHeader;
  entries: string[];
  rest: string[];
}

interface Answer {
  code: number;
  outcome: string;
  first: { kind: string; index: number | null; sentence: string } | null;
  counts: Record<string, number>;
  recomputed: number | null;
}

/** Two sites, three rounds, and a house that has seen the log after the second one. */
describe('A18 the verifier', { timeout: 120_000 }, () => {
  let bench: RoundsBench;
  let folder: string;
  let log: Log;
  let server: Signer;
  let site: string;
  let blobs: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'consilium-verifier-'));
    bench = await RoundsBench.start(await embedded.start());
    const [a, b] = await bench.members({ labelled: 3 }, { labelled: 1 });
    const study = await bench.study({ count: 3, minimumSites: 2, quorum: 2 });
    const kept: { seenAt: string; note: string }[] = [];
    site = join(folder, 'house-a');
    mkdirSync(join(site, 'receipts'), { recursive: true });
    for (const number of [1, 2, 3]) {
      for (const [i, each] of [a, b].entries()) {
        const task = await bench.task(each, number);
        const { receipt } = await each.contributeTo(task, fill('mu', number + i / 10));
        if (each === a && number < 3) writeFileSync(join(site, 'receipts', `${number}.json`), JSON.stringify(receipt));
      }
      await bench.round(study, number, 'committed');
      const { note } = await bench.operator.get('/log/checkpoint', CheckpointView);
      if (number < 3) kept.push({ seenAt: new Date().toISOString(), note });
    }
    const keys = await bench.operator.get('/log/keys', LogKeys);
    const serverKeys = keys.entries.flatMap(({ event }) => ('serverKey' in event ? [event.serverKey] : []));
    writeFileSync(
      join(site, 'witness.json'),
      JSON.stringify({ origin: 'o', serverKeys, checkpoints: kept, refused: null }),
    );
    const stream = await bench.operator.open('/log/export');
    log = takenApart(await new Response(stream).text());
    const stored = JSON.parse(readFileSync(join(bench.home, 'signing-keys.json'), 'utf8')) as { keys: { d: string }[] };
    server = signerOf(fromBase64url(stored.keys[0].d)!);
    blobs = join(bench.home, 'blobs');
  }, 120_000);
  afterAll(async () => {
    await bench.stop();
    rmSync(folder, { recursive: true });
  });

  async function verify(changed: Log, ...options: string[]): Promise<Answer> {
    const file = join(folder, 'log.jsonl');
    const { header, entries, rest } = changed;
    writeFileSync(file, [exportLine({ ...header, size: entries.length }), ...entries, ...rest, ''].join('\n'));
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [PROGRAM, file, '--json', ...options], (error, out, said) => {
        if (out === '') reject(new Error(said));
        else resolve({ ...(JSON.parse(out) as Omit<Answer, 'code'>), code: error === null ? 0 : Number(error.code) });
      });
    });
  }

  const eventAt = (index: number) => JSON.parse(log.entries[index]) as LogEvent;
  const placeOf = (type: LogEvent['type']) => log.entries.findIndex((_, index) => eventAt(index).type === type);

  /** As a server would that has the key: the tree of what it now claims, and one checkpoint over all of it. */
  function signedAnew(entries: string[]): Log {
    const tree = new MerkleTree();
    for (const line of entries) tree.append(leafHash(Buffer.from(line, 'utf8')));
    const { origin } = log.header;
    const note = signCheckpoint({ origin, size: entries.length, root: tree.root() }, server);
    const models = log.rest.filter((line) => line.includes('"kind":"model"'));
    return { header: log.header, entries, rest: [...models, exportLine({ kind: 'checkpoint', note })] };
  }

  it('finds the log as it is in order, with what a house holds, and makes its models once more', async () => {
    expect(await verify(log, '--site', site, '--blobs', blobs)).toMatchObject({
      code: 0,
      outcome: 'verified',
      recomputed: 3,
      counts: { rounds: 3, updates: 6, kept: 4 },
    });
  });

  it.each<[string, (entries: string[], at: number) => string[]]>([
    ['edited', (entries, at) => entries.with(at, entries[at].replace('"method":"password"', '"method":"oidc"'))],
    ['deleted', (entries, at) => entries.toSpliced(at, 1)],
    ['inserted', (entries, at) => entries.toSpliced(at, 0, entries[at - 1])],
    ['reordered', (entries, at) => entries.with(at, entries[at + 1]).with(at + 1, entries[at])],
  ])('names the first bad entry of a log with an entry %s', async (_, change) => {
    const at = placeOf('operator-logged-in');
    const answer = await verify({ ...log, entries: change(log.entries, at) });
    expect(answer).toMatchObject({ code: 3, outcome: 'wrong', first: { kind: 'wrong', index: at } });
  });

  it('is shown a cut end by a house’s checkpoint, and says that it lacks one without', async () => {
    const end = placeOf('round-committed');
    const checkpoints = log.rest.filter((line) => line.includes('"kind":"model"'));
    const cut = { ...log, entries: log.entries.slice(0, end), rest: checkpoints };
    expect(await verify(cut)).toMatchObject({ code: 3 });
    const whole = signedAnew(log.entries.slice(0, end));
    whole.rest = whole.rest.filter((line) => line.includes('"kind":"checkpoint"') || line.includes('"version":0'));
    const answer = await verify(whole, '--site', site);
    expect(answer).toMatchObject({ code: 3, first: { kind: 'wrong', index: end } });
    expect(answer.first?.sentence).toMatch(/house-a kept, got a log that was cut after/);
  });

  it('is shown a fork by a house’s checkpoint, where the server has signed both logs', async () => {
    const at = placeOf('operator-logged-in');
    const forked = signedAnew(log.entries.with(at, log.entries[at].replace('"method":"password"', '"method":"oidc"')));
    expect(await verify(forked)).toMatchObject({ code: 0, outcome: 'verified' });
    const answer = await verify(forked, '--site', site);
    expect(answer).toMatchObject({ code: 3, first: { kind: 'wrong' } });
    expect(answer.first?.sentence).toMatch(/house-a kept, got another: the server has shown two logs/);
  });

  it('finds a member that was never asked, and a model that its updates do not give', async () => {
    const consent = placeOf('consent-given');
    const unasked = await verify(signedAnew(log.entries.toSpliced(consent, 1)));
    expect(unasked.first?.sentence).toMatch(/expected members of round 1 that have consented to the study, got [ab]\./);

    const last = log.entries.findLastIndex((line) => line.includes('"type":"round-committed"'));
    const committed = eventAt(last);
    if (committed.type !== 'round-committed') throw new Error('expected a committed round');
    const other = log.entries.map((line) => line.replaceAll(committed.result.digest, 'f'.repeat(64)));
    const answer = await verify(signedAnew(other), '--blobs', blobs);
    expect(answer).toMatchObject({ code: 3, recomputed: 2 });
    expect(answer.first?.kind).toBe('wrong');
  });

  it('says which blobs a model cannot be made without', async () => {
    const copy = join(folder, 'blobs');
    cpSync(blobs, copy, { recursive: true });
    const first = eventAt(placeOf('update-received'));
    if (first.type !== 'update-received') throw new Error('expected an update');
    const { digest } = first.blob;
    writeFileSync(join(copy, digest.slice(0, 2), digest), 'another content');
    const answer = await verify(log, '--blobs', copy);
    expect(answer).toMatchObject({ code: 4, outcome: 'missing', recomputed: 2 });
    expect(answer.first?.sentence).toContain(digest);
  });

  it('takes nothing else for an export or for what a house keeps', async () => {
    await expect(verify({ ...log, header: { ...log.header, format: 'another/1' as never } })).rejects.toThrow(
      /begins with/,
    );
    await expect(verify(log, '--site', join(folder, 'nowhere'))).rejects.toThrow(
      /nowhere: expected a file of a node's home/,
    );
    await expect(verify(log, '--blobs', join(folder, 'nowhere'))).rejects.toThrow(/expected a folder of blobs/);
  });
});

function takenApart(text: string): Log {
  const [first, ...lines] = text.trimEnd().split('\n');
  const header = LogExportHeader.parse(JSON.parse(first));
  return { header, entries: lines.slice(0, header.size), rest: lines.slice(header.size) };
}
