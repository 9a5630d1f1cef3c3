import {
  cosignedAt,
  isCheckpointSignedBy,
  MerkleTree,
  parseCheckpoint,
  sameHash,
  withSignature,
  witnessName,
  type Hash,
  type SignedCheckpoint,
  type VerifySignature,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import type { ServerLedger } from './server-ledger.js';
import type { SiteLedger } from './site-ledger.js';

/** A checkpoint that somebody kept, apart from the log's export. */
export interface KeptCheckpoint {
  /** Where it was kept, as a sentence may name it. */
  keeper: string;
  note: string;
}

interface Promised extends SignedCheckpoint {
  keeper: string | null;
}

/** The log as it was exported, and what its server and its sites have signed of it. */
interface Compared {
  tree: MerkleTree;
  server: ServerLedger;
  sites: SiteLedger;
  findings: Findings;
  verify?: VerifySignature | undefined;
}

/** Holds a log against the checkpoints that were signed of it, and finds the entry from which on it is another one. */
export class CheckpointCheck {
  readonly #fitting: Promised[] = [];
  readonly #broken: Promised[] = [];
  readonly #notes = new Map<number, string>();
  /** Of the leaf hashes that the server has stored, once one of them is another one. */
  #recorded: MerkleTree | null = null;
  #recordedFrom = 0;
  #recordedCount = 0;
  #count = 0;
  #cosignatures = 0;
  #kept = 0;

  constructor(private readonly log: Compared) {}

  get counts(): { checkpoints: number; cosignatures: number; kept: number } {
    return { checkpoints: this.#count, cosignatures: this.#cosignatures, kept: this.#kept };
  }

  /** One of the export. All entries have been read. */
  checkpoint(note: string): void {
    const signed = this.#signed(note, null);
    if (!signed) return;
    this.#count += 1;
    this.#notes.set(signed.size, note);
    this.#compare(signed);
  }

  /** One that a site kept as a witness: a log that was cut or forked behind its back does not fit it. */
  kept({ keeper, note }: KeptCheckpoint): void {
    const signed = this.#signed(note, keeper);
    if (!signed) return;
    this.#kept += 1;
    this.#compare(signed);
  }

  cosignature({ size, site, line }: { size: number; site: string; line: string }): void {
    const note = this.#notes.get(size);
    const { findings, sites, verify } = this.log;
    if (note === undefined)
      return findings.missing(
        null,
        `Cosignature of ${site}: expected a checkpoint of size ${size} before it, got none.`,
      );
    const signed = parseCheckpoint(withSignature(note, line) ?? '');
    const isSigned = sites
      .keysOf(site, size)
      .some((key) => signed !== null && cosignedAt(signed, witnessName(signed.origin, site), key, verify) !== null);
    if (isSigned) this.#cosignatures += 1;
    else
      findings.wrong(
        null,
        `Checkpoint of size ${size}: expected the cosignature of ${site} to be by a key of that site, got another.`,
      );
  }

  /** The next of the leaf hashes that the server has stored. */
  recorded(from: number, hashes: readonly Hash[] | null): void {
    const { tree, findings } = this.log;
    if (hashes === null) {
      return findings.wrong(null, `Leaf hashes from ${from} on: expected whole hashes in base64, got other bytes.`);
    }
    if (from !== this.#recordedCount) {
      return findings.wrong(
        null,
        `Leaf hashes: expected those from ${this.#recordedCount} on, got those from ${from} on.`,
      );
    }
    for (const hash of hashes) {
      const index = this.#recordedCount++;
      if (this.#recorded === null && (index >= tree.size || !sameHash(tree.at({ level: 0, index }), hash))) {
        this.#recorded = firstOf(tree, index);
        this.#recordedFrom = index;
      }
      this.#recorded?.append(hash);
    }
  }

  finish(): void {
    const { tree, findings } = this.log;
    for (const promised of this.#broken) {
      const { index, sentence } = this.#explain(promised);
      findings.wrong(index, sentence);
    }
    if (this.#broken.length > 0) return;
    if (this.#recorded !== null) {
      findings.wrong(
        this.#recordedFrom,
        `Entry ${this.#recordedFrom}: expected the leaf hash that the export lists for it, got another; the signed checkpoints agree with the entry.`,
      );
    }
    const covered = this.#lastFitting(tree.size, null);
    if (covered < tree.size) {
      findings.missing(
        covered,
        `Entry ${covered}: expected a signed checkpoint of all ${tree.size} entries, got one of ${covered} at most.`,
      );
    }
  }

  #compare(promised: Promised): void {
    const { tree } = this.log;
    const fits = promised.size <= tree.size && sameHash(tree.root(promised.size), promised.root);
    (fits ? this.#fitting : this.#broken).push(promised);
  }

  /** Null, and a finding, where the text is no checkpoint that this log's server has signed. */
  #signed(note: string, keeper: string | null): Promised | null {
    const { server, findings } = this.log;
    const what = keeper === null ? 'Checkpoint' : `Checkpoint of ${keeper}`;
    // What somebody gives by mistake says nothing about the log.
    const kind = keeper === null ? 'wrong' : 'missing';
    const signed = parseCheckpoint(note);
    if (signed === null) {
      findings.add({ kind, index: null, sentence: `${what}: expected a signed checkpoint, got another text.` });
      return null;
    }
    if (signed.origin !== server.origin) {
      const expected = server.origin ?? '(without a name)';
      findings.add({ kind, index: null, sentence: `${what}: expected the log ${expected}, got ${signed.origin}.` });
      return null;
    }
    if (this.#isSigned(signed, keeper)) return { ...signed, keeper };
    findings.wrong(null, `${what}, size ${signed.size}: expected the signature of the server's key, got another.`);
    return null;
  }

  /** A log that was cut may lack the change of key after which a kept checkpoint was signed, not the keys before. */
  #isSigned(signed: SignedCheckpoint, keeper: string | null): boolean {
    const { keys } = this.log.server;
    const candidates = keeper === null ? [keys.at(signed.size)] : keys.all().map(({ publicKey }) => publicKey);
    return candidates.some((key) => key !== null && isCheckpointSignedBy(signed, key, this.log.verify));
  }

  #explain({ size, root, keeper }: Promised): { index: number; sentence: string } {
    const { tree } = this.log;
    const whose =
      keeper === null
        ? `the server's checkpoint of ${size} entries`
        : `the checkpoint of ${size} entries that ${keeper} kept`;
    const recorded = this.#recorded;
    if (
      recorded !== null &&
      recorded.size >= size &&
      sameHash(recorded.root(size), root) &&
      this.#recordedFrom < tree.size
    ) {
      const index = this.#recordedFrom;
      return { index, sentence: `Entry ${index}: expected the entry that was signed with ${whose}, got another.` };
    }
    if (size > tree.size) {
      const index = tree.size;
      return {
        index,
        sentence: `Entry ${index}: expected it by ${whose}, got a log that was cut after ${index} entries.`,
      };
    }
    const index = this.#lastFitting(size - 1, keeper);
    const which = index === size - 1 ? `Entry ${index}` : `An entry from ${index} to ${size - 1}`;
    const fork = keeper === null ? '' : ': the server has shown two logs';
    return { index, sentence: `${which}: expected what was signed with ${whose}, got another${fork}.` };
  }

  /**
   * The largest size up to which the log is known to be the one that was signed. To the keeper of one checkpoint only kept
   * ones count: the server's own may be of the other log.
   */
  #lastFitting(size: number, keeper: string | null): number {
    const known = this.#fitting.filter((each) => each.size <= size && (keeper === null || each.keeper !== null));
    return known.reduce((largest, each) => Math.max(largest, each.size), 0);
  }
}

function firstOf(tree: MerkleTree, size: number): MerkleTree {
  const copy = new MerkleTree();
  for (let index = 0; index < size; index++) copy.append(tree.at({ level: 0, index }));
  return copy;
}
