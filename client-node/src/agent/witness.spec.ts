import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canonicalJson,
  consistencyProof,
  cosignedAt,
  digestOfBytes,
  inclusionProof,
  keyThumbprint,
  leafHash,
  MerkleTree,
  parseCheckpoint,
  signCheckpoint,
  signerOf,
  signReceipt,
  toBase64url,
  withSignature,
  type ConsistencyProof,
  type Cosignature,
  type InclusionProof,
  type LogKeys,
  type Receipt,
  type Signer,
  type SubmitAnswer,
} from '@consilium/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome } from '../settings/node-settings.js';
import { silentLog } from './log.js';
import { RequestRefused } from './transport/rest-client.js';
import { readWitness, setWitnessAside } from './witness-file.js';
import { Witness } from './witness.js';

const ORIGIN = 'consilium:test';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
const signer = (seed: number): Signer => signerOf(new Uint8Array(32).fill(seed));
const FIRST = signer(1);
const SITE = signer(9);
const clock = { now: () => 1_800_000_000_000, sleep: () => Promise.resolve() };

/** A log in memory, with the answers of a server that has it. */
class Log {
  readonly tree = new MerkleTree();
  readonly keys: LogKeys = { entries: [] };
  readonly cosigned: Cosignature[] = [];
  signer = FIRST;

  constructor(...entries: string[]) {
    this.keys.entries.push({
      index: 0,
      event: {
        type: 'log-opened',
        at: '2026-01-01T00:00:00Z',
        actor: { kind: 'server' },
        origin: ORIGIN,
        serverKey: FIRST.publicKey,
      },
    });
    this.add(...entries);
  }

  add(...entries: string[]): this {
    for (const entry of entries) this.tree.append(leafHash(utf8(entry)));
    return this;
  }

  note(size = this.tree.size): string {
    return signCheckpoint({ origin: ORIGIN, size, root: this.tree.root(size) }, this.signer);
  }

  rotate(next: Signer, endorsedBy: Signer | null): void {
    const former = keyThumbprint(this.signer.publicKey);
    const payload = canonicalJson({ former, origin: ORIGIN, serverKey: next.publicKey });
    const signed = `${toBase64url(utf8('{"alg":"EdDSA"}'))}.${toBase64url(utf8(payload))}`;
    const endorsement = endorsedBy && `${signed}.${toBase64url(endorsedBy.sign(utf8(signed)))}`;
    const event = {
      at: '2026-01-02T00:00:00Z',
      actor: { kind: 'server' },
      former,
      serverKey: next.publicKey,
      endorsement,
    } as const;
    this.keys.entries.push({ index: this.tree.size, event: { type: 'server-key-changed', ...event } });
    this.add('rotated');
    this.signer = next;
  }

  readonly rest = {
    server: 'https://server.test',
    logKeys: () => Promise.resolve(this.keys),
    consistency: (from: number, to: number): Promise<ConsistencyProof> => {
      if (to > this.tree.size) return Promise.reject(new RequestRefused(404, 'not-found', 'no such size'));
      return Promise.resolve({ from, to, proof: consistencyProof(from, to, this.tree.at).map(hex) });
    },
    inclusion: (index: number, size: number): Promise<InclusionProof> => {
      const leaf = hex(this.tree.at({ level: 0, index }));
      return Promise.resolve({ index, size, leaf, proof: inclusionProof(index, size, this.tree.at).map(hex) });
    },
    cosign: (cosignature: Cosignature): Promise<void> => {
      this.cosigned.push(cosignature);
      return Promise.resolve();
    },
  };
}

describe('a witness', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'consilium-witness-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const witnessOf = ({ rest }: Log): Witness =>
    new Witness({
      home: nodeHome(folder),
      site: { name: 'north' },
      signer: () => Promise.resolve(SITE),
      rest,
      clock,
      log: silentLog,
    });
  const seenSizes = async (): Promise<number[]> =>
    ((await readWitness(nodeHome(folder)))?.checkpoints ?? []).map(({ note }) => parseCheckpoint(note)!.size);
  const refusal = async (seeing: Promise<unknown>): Promise<string> => {
    const error: unknown = await seeing.catch((failure: unknown) => failure);
    if (!(error instanceof NodeFailure)) throw new Error(`expected a failure, got ${String(error)}`);
    expect(error.kind).toBe('log-forked');
    return error.message;
  };

  it('keeps a log that grows, each checkpoint once, and goes on with it after a restart', async () => {
    const log = new Log('a', 'b', 'c');
    const witness = witnessOf(log);
    for (let i = 0; i < 2; i++) await witness.see(log.note());
    await witness.see(log.add('d', 'e').note());
    await witnessOf(log).see(log.add('f').note());
    expect(await seenSizes()).toEqual([3, 5, 6]);
  });

  it('takes an answer that was overtaken, if it is the past of the newer one', async () => {
    const log = new Log('a', 'b', 'c', 'd');
    const witness = witnessOf(log);
    await Promise.all([witness.see(log.note(4)), witness.see(log.note(2)), witness.see(log.note(3))]);
    expect(await seenSizes()).toEqual([4]);
    const other = new Log('a', 'x', 'c', 'd');
    expect(await refusal(witness.see(other.note(2)))).toContain('agrees with its first 4 entries');
  });

  it.each([
    ['of the same size', (): Log => new Log('a', 'b', 'x')],
    ['that grew from another past', (): Log => new Log('a', 'x', 'c', 'd', 'e')],
    ['that was cut', (): Log => new Log('a', 'b')],
  ])('A18 stops at a log %s, keeps the evidence, and stops again', async (_, fork) => {
    const honest = new Log('a', 'b', 'c');
    await witnessOf(honest).see(honest.note());
    for (let i = 0; i < 2; i++)
      expect(await refusal(witnessOf(fork()).see(fork().note()))).toContain(
        'agrees with its first 3 entries as this site has seen them',
      );
    const { checkpoints, refused } = (await readWitness(nodeHome(folder)))!;
    expect([checkpoints.map(({ note }) => note), refused!.note]).toEqual([[honest.note()], fork().note()]);
    const aside = await setWitnessAside(nodeHome(folder), new Date(0));
    expect(readFileSync(aside, 'utf8')).toContain('agrees with its first 3 entries');
    await witnessOf(fork()).see(fork().note());
  });

  it('stops at what is no checkpoint, of another log, or signed by another key', async () => {
    const log = new Log('a');
    await witnessOf(log).see(log.note());
    expect(await refusal(witnessOf(log).see('consilium:test\n1\n'))).toContain('got another text');
    const stranger = signCheckpoint({ origin: 'consilium:other', size: 1, root: log.tree.root() }, FIRST);
    expect(await refusal(witnessOf(log).see(stranger))).toContain(
      'expected the log consilium:test, got consilium:other',
    );
    log.signer = signer(2);
    expect(await refusal(witnessOf(log).see(log.add('b').note()))).toContain("signed by the server's key");
  });

  it('follows a new key that the former one has endorsed, and no other', async () => {
    const log = new Log('a');
    await witnessOf(log).see(log.note());
    log.rotate(signer(2), FIRST);
    log.rotate(signer(3), signer(2));
    await witnessOf(log).see(log.note());
    log.rotate(signer(4), null);
    expect(await refusal(witnessOf(log).see(log.note()))).toContain("signed by the server's key");
    log.rotate(signer(5), signer(8));
    expect(await refusal(witnessOf(log).see(log.note()))).toContain("signed by the server's key");
  });

  describe('of a receipt', () => {
    const JWS = 'header.payload.signature';
    const log = (): Log => new Log('a', 'b', 'entry', 'c');
    const answer = (of: Log, changes: Partial<Receipt> = {}, by = of.signer): SubmitAnswer => {
      const receipt: Receipt = {
        origin: ORIGIN,
        index: 2,
        leaf: hex(leafHash(utf8('entry'))),
        submission: digestOfBytes(utf8(JWS)),
        verdict: 'accepted',
        at: '2026-01-01T00:00:00Z',
        ...changes,
      };
      const updateId = '0b6a2f7e-6a55-4c1e-8d3f-1c2d3e4f5a6b';
      return { accepted: true, updateId, receipt: { envelope: signReceipt(receipt, by), checkpoint: of.note() } };
    };

    it('keeps it once its entry is proven, and signs the checkpoint', async () => {
      const of = log();
      await witnessOf(of).receive(JWS, answer(of));
      expect(readdirSync(nodeHome(folder).receipts)).toEqual(['2.json']);
      const signed = parseCheckpoint(withSignature(of.note(), of.cosigned[0].line)!)!;
      expect(of.cosigned[0].size).toBe(4);
      expect(cosignedAt(signed, `${ORIGIN}/north`, SITE.publicKey)).toBe(1_800_000_000);
    });

    it.each([
      ['for another submission', { submission: 'a'.repeat(64) }],
      ['of a refusal', { verdict: 'refused' as const }],
      ['beyond its checkpoint', { index: 4 }],
      ['of another log', { origin: 'consilium:other' }],
    ])('stops at one %s', async (_, changes) => {
      const of = log();
      expect(await refusal(witnessOf(of).receive(JWS, answer(of, changes)))).toContain(
        'expected a receipt for the update',
      );
      expect(await refusal(witnessOf(of).receive(JWS, answer(of, {}, signer(7))))).toContain('expected a receipt');
    });

    it('stops where the log does not have what it says', async () => {
      const of = log();
      const wrong = { leaf: hex(leafHash(utf8('another'))) };
      expect(await refusal(witnessOf(of).receive(JWS, answer(of, wrong)))).toContain('got no proof of it');
    });
  });
});
