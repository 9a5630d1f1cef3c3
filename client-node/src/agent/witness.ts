import { join } from 'node:path';
import {
  cosign,
  digestOfBytes,
  isCheckpointSignedBy,
  keyThumbprint,
  openReceipt,
  openStudy,
  parseCheckpoint,
  sameHash,
  verifyConsistency,
  verifyInclusion,
  witnessName,
  type DsseEnvelope,
  type PublicKey,
  type Receipt,
  type SignedCheckpoint,
  type Signer,
  type SubmitAnswer,
} from '@consilium/shared';
import { errorText, NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import { writeWholeFile } from '../settings/whole-file.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import { followEndorsements, namedKeys } from './server-key-chain.js';
import { RequestRefused, type RestClient } from './transport/rest-client.js';
import { readWitness, writeWitness, type WitnessRecord } from './witness-file.js';

/** Checkpoints that are kept: the newest stands for all before it, the others are there to compare with other sites'. */
const KEPT = 200;

interface WitnessOptions {
  home: NodeHome;
  site: { name: string };
  signer: () => Promise<Signer>;
  rest: Pick<RestClient, 'server' | 'logKeys' | 'consistency' | 'inclusion' | 'cosign'>;
  clock: Clock;
  log: Log;
}

/**
 * Holds the server to its log: whatever it signs has to begin with all that it signed before, or the node ends. A server that
 * shows sites different pasts, or a shortened one, is found out by the first site that compares.
 */
export class Witness {
  #record: WitnessRecord | undefined;
  #seeing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: WitnessOptions) {}

  /** Verifies and keeps a checkpoint. Answers overtake each other: one is looked at after the other. */
  see(note: string, signal?: AbortSignal): Promise<SignedCheckpoint> {
    const seen = this.#seeing.then(() => this.#see(note, signal));
    this.#seeing = seen.catch(() => undefined);
    return seen;
  }

  /** Verifies what the server gives for an update, keeps it in the home, and signs the log that has it. */
  async receive(jws: string, { accepted, receipt }: SubmitAnswer, signal?: AbortSignal): Promise<void> {
    if (receipt === null) return;
    const checkpoint = await this.see(receipt.checkpoint, signal);
    const promised = await this.#bySomeKey((key) => openReceipt(receipt.envelope, key), signal);
    const { size, root } = checkpoint;
    if (promised === null || !fits(promised, { jws, accepted, checkpoint })) {
      throw forked(
        'expected a receipt for the update that was sent, signed by the server, got another',
        this.options.home,
      );
    }
    const { index, leaf } = promised;
    const { proof } = await this.options.rest.inclusion(index, size, signal);
    if (!verifyInclusion({ leaf: bytes(leaf), index, size, root, proof: proof.map(bytes) })) {
      throw forked(`expected the update as entry ${index} of the log, got no proof of it`, this.options.home);
    }
    const file = join(this.options.home.receipts, `${index}.json`);
    await writeWholeFile(file, `${JSON.stringify({ jws, ...receipt }, null, 2)}\n`);
    await this.#cosign(checkpoint, signal);
  }

  /** The study whose settings the server has signed; null where it has not. After a checkpoint has been seen. */
  studyIn(envelope: DsseEnvelope, signal?: AbortSignal): Promise<ReturnType<typeof openStudy>> {
    return this.#bySomeKey((key) => openStudy(envelope, key), signal);
  }

  async #see(note: string, signal?: AbortSignal): Promise<SignedCheckpoint> {
    const record = (this.#record ??= await this.#open(signal));
    const newest = record.checkpoints.at(-1);
    const seen = parseCheckpoint(note);
    if (seen !== null && newest?.note === note) return seen;
    const entry = { seenAt: new Date(this.options.clock.now()).toISOString(), note };
    const before = newest === undefined ? null : parseCheckpoint(newest.note);
    const problem =
      seen === null ? 'expected a checkpoint, got another text' : await this.#problemOf(seen, before, signal);
    if (seen === null || problem !== null) {
      await this.#keep({ refused: { ...entry, sentence: problem ?? '' } });
      throw forked(problem ?? '', this.options.home);
    }
    const checkpoints = [...record.checkpoints, entry].slice(-KEPT);
    if (before === null || seen.size > before.size) await this.#keep({ checkpoints });
    return seen;
  }

  /** What is wrong with a checkpoint, beside the newest that this site has seen. */
  async #problemOf(
    seen: SignedCheckpoint,
    before: SignedCheckpoint | null,
    signal?: AbortSignal,
  ): Promise<string | null> {
    const { origin } = this.#record!;
    if (seen.origin !== origin) return `expected the log ${origin}, got ${seen.origin}`;
    if ((await this.#bySomeKey((key) => isCheckpointSignedBy(seen, key) || null, signal)) === null) {
      const known = keyThumbprint(this.#record!.serverKeys.at(-1)!);
      return `expected a checkpoint signed by the server's key ${known} or one that it has endorsed, got another`;
    }
    return before === null ? null : this.#contradiction(before, seen, signal);
  }

  async #contradiction(before: SignedCheckpoint, seen: SignedCheckpoint, signal?: AbortSignal): Promise<string | null> {
    // An older one may come late, but it has to be the past of the newer one as well.
    const [older, newer] = seen.size < before.size ? [seen, before] : [before, seen];
    const what = `expected a log that agrees with its first ${before.size} entries as this site has seen them`;
    if (older.size === newer.size)
      return sameHash(older.root, newer.root) ? null : `${what}, got another of the same size`;
    const claim = { oldSize: older.size, oldRoot: older.root, size: newer.size, root: newer.root };
    try {
      const { proof } = await this.options.rest.consistency(older.size, newer.size, signal);
      return verifyConsistency({ ...claim, proof: proof.map(bytes) })
        ? null
        : `${what}, got one of ${seen.size} entries that does not`;
    } catch (error) {
      if (!(error instanceof RequestRefused) || error.isIdentityRefused) throw error;
      return `${what}, got one of ${seen.size} entries without a proof`;
    }
  }

  /** What `open` makes of the first of the server's keys that it takes; null where it takes none that this site trusts. */
  async #bySomeKey<T>(open: (key: PublicKey) => T | null, signal?: AbortSignal): Promise<T | null> {
    const { serverKeys, origin } = this.#record!;
    const found = firstOf(serverKeys, open);
    if (found !== null) return found;
    const followed = followEndorsements(serverKeys, origin, await this.options.rest.logKeys(signal));
    if (followed.length === serverKeys.length) return null;
    await this.#keep({ serverKeys: followed });
    this.options.log.warn(
      `the server signs with a new key, endorsed by the one before: ${keyThumbprint(followed.at(-1)!)}`,
    );
    return firstOf(followed, open);
  }

  /** At first sight there is nothing to compare the server's keys with but what its people say. */
  async #open(signal?: AbortSignal): Promise<WitnessRecord> {
    const known = await readWitness(this.options.home);
    if (known !== undefined) return known;
    const named = namedKeys(await this.options.rest.logKeys(signal));
    if (named === null) throw forked('expected a log that names its key, got another', this.options.home);
    this.options.log.info(
      `the server's log ${named.origin} is signed by the key ${keyThumbprint(named.serverKeys.at(-1)!)}`,
    );
    return { ...named, checkpoints: [], refused: null };
  }

  async #keep(change: Partial<WitnessRecord>): Promise<void> {
    this.#record = { ...this.#record!, ...change };
    await writeWitness(this.options.home, this.#record);
  }

  /** For other sites and auditors; that it does not get there is no reason to stop. */
  async #cosign(checkpoint: SignedCheckpoint, signal?: AbortSignal): Promise<void> {
    const { rest, signer, site, clock, log } = this.options;
    const name = witnessName(checkpoint.origin, site.name);
    const line = cosign(checkpoint, { name, signer: await signer(), time: Math.floor(clock.now() / 1000) });
    try {
      await rest.cosign({ size: checkpoint.size, line }, signal);
    } catch (error) {
      log.debug(`the checkpoint of ${checkpoint.size} entries was not cosigned: ${errorText(error)}`);
    }
  }
}

function fits(
  { origin, index, submission, verdict }: Receipt,
  { jws, accepted, checkpoint }: { jws: string; accepted: boolean; checkpoint: SignedCheckpoint },
): boolean {
  const isOfIt = origin === checkpoint.origin && index < checkpoint.size;
  return isOfIt && submission === digestOfBytes(new TextEncoder().encode(jws)) && (verdict !== 'refused') === accepted;
}

function firstOf<T>(keys: readonly PublicKey[], open: (key: PublicKey) => T | null): T | null {
  for (const key of [...keys].reverse()) {
    const found = open(key);
    if (found !== null) return found;
  }
  return null;
}

function forked(problem: string, { witness }: NodeHome): NodeFailure {
  return new NodeFailure(
    'log-forked',
    `the server's log cannot be trusted: ${problem}. This node stops; show ${witness} to the other sites and ask the server's operator. "consilium-node log set-aside" keeps it and begins anew`,
  );
}

function bytes(hash: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hash, 'hex'));
}
