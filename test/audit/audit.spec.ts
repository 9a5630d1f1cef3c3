import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fill } from '@consilium/server/dist/simulation/light-site.js';
import {
  CheckpointView,
  DsseEnvelope,
  keyThumbprint,
  LogKeys,
  LogPage,
  ModelCard,
  openModelSignature,
  openReceipt,
  parseCheckpoint,
  type LogEvent,
  type SignedReceipt,
  type StudyView,
  type SubmitAnswer,
} from '@consilium/shared';
import { LogVerifier, type Verdict } from '@consilium/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { embedded, postgres } from '../support/databases.js';
import { RoundsBench } from '../support/rounds-bench.js';
import { OPERATOR } from '../support/server-process.js';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));

/** What `consilium-verify` does with a file. */
function verify(lines: readonly string[], receipts: SignedReceipt[] = [], notes: string[] = []): Verdict {
  const verifier = new LogVerifier({
    receipts: receipts.map(({ envelope }) => ({ keeper: 'a site', envelope })),
    checkpoints: notes.map((note) => ({ keeper: 'a site', note })),
  });
  for (const line of lines) verifier.push(Buffer.from(line, 'utf8'));
  return verifier.finish();
}

for (const database of [embedded, postgres])
  describe.runIf(database.here)(`the log of a server process on ${database.name}`, { timeout: 120_000 }, () => {
    let bench: RoundsBench;
    let study: StudyView;
    const receipts: SignedReceipt[] = [];
    const notes: string[] = [];
    const keep = (answer: SubmitAnswer): SubmitAnswer => {
      receipts.push(answer.receipt!);
      return answer;
    };
    const download = async (path: string): Promise<string> => {
      const url = `${bench.server.url}/api/v1`;
      const headers = { 'content-type': 'application/json' };
      const login = await fetch(`${url}/login`, { method: 'POST', headers, body: JSON.stringify(OPERATOR) });
      const { token } = (await login.json()) as { token: string };
      return (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })).text();
    };
    const exported = async (): Promise<string[]> => (await download('/log/export')).trimEnd().split('\n');
    const events = async (query: string): Promise<LogEvent[]> =>
      (await bench.operator.get(`/log/entries?limit=1000&${query}`, LogPage)).entries.map(({ event }) => event);
    const checkpoint = async (): Promise<string> => (await bench.operator.get('/log/checkpoint', CheckpointView)).note;

    beforeAll(async () => {
      bench = await RoundsBench.start(await database.start());
      const [a, b] = await bench.members({ labelled: 3 }, { labelled: 1 });
      study = await bench.study({ count: 1, minimumSites: 2, quorum: 2 });
      for (const [i, site] of [a, b].entries()) {
        notes.push((await site.assignment()).checkpoint);
        keep(await site.contributeTo(await bench.task(site, 1), fill('mu', i + 0.1)));
      }
      await bench.round(study, 1, 'committed');
    }, 120_000);
    afterAll(() => bench.stop());

    it('has everything that happened, in the order in which it did', async () => {
      const types = (await events('')).map(({ type }) => type);
      const ofRound = types.slice(types.indexOf('study-created')).filter((type) => type !== 'operator-logged-in');
      expect(types.slice(0, 3)).toEqual(['log-opened', 'operator-added', 'operator-logged-in']);
      expect(ofRound).toEqual([
        'study-created',
        'model-signed',
        'consent-given',
        'consent-given',
        'study-state-changed',
        'round-opened',
        'update-received',
        'update-received',
        'round-committed',
        'model-signed',
        'study-state-changed',
      ]);
      const sites = types.filter((type) => type.startsWith('site-'));
      expect(sites.slice(0, 3)).toEqual(['site-invited', 'site-enrolled', 'site-approved']);
    });

    it('is exported so that it verifies, with the receipts and checkpoints that sites hold', async () => {
      const lines = await exported();
      const verdict = verify(lines, receipts, notes);
      expect(verdict.problems).toEqual([]);
      expect(verdict).toMatchObject({
        outcome: 'verified',
        counts: { receipts: 2, kept: 2, models: 2, updates: 2, rounds: 1 },
      });
      const first = lines.findIndex((line) => line.includes('"type":"update-received"'));
      const changed = lines.with(first, lines[first].replace('"verdict":"accepted"', '"verdict":"quarantined"'));
      expect(verify(changed, receipts, notes).first).toMatchObject({ kind: 'wrong', index: first - 1 });
    });

    it('gives receipts that name the entry, and the same for the same update', async () => {
      const { entries } = await bench.operator.get('/log/keys', LogKeys);
      const [{ event }] = entries;
      if (event.type !== 'log-opened') throw new Error(`expected log-opened, got ${event.type}`);
      for (const { envelope, checkpoint: note } of receipts) {
        const receipt = openReceipt(envelope, event.serverKey)!;
        const [entry] = (await bench.operator.get(`/log/entries?from=${receipt.index}&limit=1`, LogPage)).entries;
        expect([entry.event.type, entry.leaf]).toEqual(['update-received', receipt.leaf]);
        expect(parseCheckpoint(note)!.size).toBeGreaterThan(receipt.index);
        const { updateId } = entry.event as Extract<LogEvent, { type: 'update-received' }>;
        expect(JSON.parse(await download(`/updates/${updateId}/receipt`))).toEqual({
          receipt: { envelope, checkpoint: note },
        });
      }
    });

    it('has every model version signed, with a card of who put what into it', async () => {
      const { entries } = await bench.operator.get('/log/keys', LogKeys);
      const key = entries[0].event.type === 'log-opened' ? entries[0].event.serverKey : null;
      const models = await bench.operator.models(study.id);
      for (const { version, blob } of models) {
        const envelope = await bench.operator.get(`/studies/${study.id}/models/${version}/signature`, DsseEnvelope);
        const { predicate } = openModelSignature(envelope, key!)!;
        expect(predicate.resources.map(({ name }) => name)).toEqual(['model-card.json', 'model.safetensors']);
        expect(predicate.resources[1].digest).toBe(blob.digest);
      }
      const card = await bench.operator.get(`/studies/${study.id}/models/1/card`, ModelCard);
      expect(card.round!.contributors.map(({ site, labelled, weight }) => [site, labelled, weight]).sort()).toEqual([
        ['a', 3, 0.75],
        ['b', 1, 0.25],
      ]);
    });

    it('A9 has every refusal of a stale, replayed, duplicate, other study or future update, with its reason', async () => {
      for (const site of bench.sites) await site.hello();
      const next = await bench.study({ count: 2, minimumSites: 2, quorum: 1, deadlineSeconds: 600, leaseSeconds: 600 });
      const [a, b] = bench.sites;
      const task = await bench.task(a, 1);
      const blob = { digest: await a.upload(await a.download(task.round.base.digest)), bytes: task.round.base.bytes };
      const good = a.manifestOf(task, blob);
      const before = parseCheckpoint(await checkpoint())!.size;
      const sent: SubmitAnswer[] = [];
      const submit = async (changes: object): Promise<void> =>
        void sent.push(keep(await a.submit({ ...good, ...changes })));
      await submit({ base: 'e'.repeat(64) });
      await submit({ studyDigest: study.digest });
      await submit({ roundId: crypto.randomUUID() });
      sent.push(keep(await b.submitSigned(await a.sign(good))));
      keep(await a.submit(good));
      await submit({ steps: 1 });
      await bench.operator.setStudy(next.id, 'stop');
      sent.push(keep(await b.submit(b.manifestOf(task, blob))));
      const reasons = sent.map((answer) => (answer.accepted ? 'accepted' : answer.refusal.reason));
      expect(reasons).toEqual([
        'wrong-base',
        'wrong-study',
        'wrong-round',
        'bad-signature',
        'duplicate-update',
        'round-closed',
      ]);
      const logged = await events(`from=${before}&type=update-refused`);
      expect(logged.map((event) => event.type === 'update-refused' && event.reason)).toEqual(reasons);
      expect(logged.map((event) => event.type === 'update-refused' && event.site)).toEqual([
        'a',
        'a',
        'a',
        'b',
        'a',
        'b',
      ]);
      expect(verify(await exported(), receipts, notes).problems).toEqual([]);
    });

    it('goes on after SIGKILL where it was', async () => {
      const before = await checkpoint();
      await bench.killServer();
      await bench.restartServer();
      expect(verify(await exported(), receipts, [...notes, before]).problems).toEqual([]);
    });

    it('is given out as FHIR AuditEvents, one for each entry', async () => {
      const Resource = z.object({ resourceType: z.literal('AuditEvent'), recorded: z.iso.datetime() });
      const Bundle = z.object({ resourceType: z.literal('Bundle'), entry: z.array(z.object({ resource: Resource })) });
      const bundle = Bundle.parse(JSON.parse(await download('/log/export.fhir')));
      expect(bundle.entry).toHaveLength(parseCheckpoint(await checkpoint())!.size);
    });

    // Where the database is embedded, every command is a process that opens it anew: tens of seconds on a busy machine.
    it.runIf(database === postgres)(
      'is written by the command; a rotated key takes over in a running server',
      async () => {
        const folder = mkdtempSync(join(tmpdir(), 'consilium-audit-'));
        const place = ['--home', bench.home, '--database-url', bench.databaseUrl!];
        const file = join(folder, 'log');
        const command = (...args: string[]) => run(process.execPath, [MAIN, ...args, ...place]);
        await command('audit', 'export', '--out', file);
        await expect(command('audit', 'export', '--out', file)).rejects.toMatchObject({ code: 2 });
        expect(verify(readFileSync(file, 'utf8').trimEnd().split('\n'), receipts, notes).problems).toEqual([]);
        const { stdout } = await command('keys', 'rotate');
        const rotated = (await bench.operator.get('/log/keys', LogKeys)).entries[1].event;
        if (rotated.type !== 'server-key-changed') throw new Error(`expected server-key-changed, got ${rotated.type}`);
        expect(stdout).toContain(keyThumbprint(rotated.serverKey));
        expect(verify(await exported(), receipts, [...notes, await checkpoint()]).problems).toEqual([]);
        rmSync(folder, { recursive: true });
      },
    );
  });
