import {
  hashesOfLeavesLine,
  hexOf,
  leafHash,
  LogEvent,
  LogExportHeader,
  LogExportLine,
  keyThumbprint,
  MerkleTree,
  parseCanonicalJson,
  type DsseEnvelope,
  type PublicKey,
  type Sha256,
  type VerifySignature,
} from '@consilium/shared';
import { CheckpointCheck, type KeptCheckpoint } from './checkpoint-check.js';
import { Findings, type Problem } from './findings.js';
import { ModelCheck } from './model-check.js';
import { ReceiptCheck } from './receipt-check.js';
import type { CommittedRound } from './round-record.js';
import { ServerLedger } from './server-ledger.js';
import { SiteLedger } from './site-ledger.js';
import { StudyLedger } from './study-ledger.js';

export interface VerifierSettings {
  /** The server's key, from elsewhere than its log; without it the log's own word is taken for it. */
  serverKey?: PublicKey | null;
  /** What others kept of the log. */
  checkpoints?: readonly KeptCheckpoint[];
  receipts?: readonly { keeper: string; envelope: DsseEnvelope }[];
  /** Where the process has faster ones than the portable ones. */
  sha256?: Sha256;
  verifySignature?: VerifySignature;
}

export interface Verdict {
  outcome: 'verified' | 'wrong' | 'missing';
  origin: string | null;
  size: number;
  /** Root of all entries, in hexadecimal. */
  root: string;
  /** What was checked. */
  counts: Record<'checkpoints' | 'cosignatures' | 'kept' | 'receipts' | 'models' | 'updates' | 'rounds', number>;
  /** The one that counts most; null where the log is verified. */
  first: Problem | null;
  /** At most a hundred, the one that counts most first. */
  problems: Problem[];
  problemCount: number;
}

/** A file that is no export of a log at all. */
export class NotAnExport extends Error {
  override readonly name = 'NotAnExport';
}

/** Verifies an export line by line: in memory are 64 bytes of each entry, and what later entries depend on. */
export class LogVerifier {
  readonly #findings = new Findings();
  readonly #tree: MerkleTree;
  readonly #server: ServerLedger;
  readonly #sites: SiteLedger;
  readonly #studies: StudyLedger;
  readonly #checkpoints: CheckpointCheck;
  readonly #receipts: ReceiptCheck;
  readonly #models: ModelCheck;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #header: LogExportHeader | null = null;
  #entriesAreRead = false;
  #updates = 0;

  constructor(private readonly settings: VerifierSettings = {}) {
    const { sha256, verifySignature: verify } = settings;
    this.#tree = new MerkleTree(sha256);
    this.#server = new ServerLedger(this.#findings, verify);
    this.#sites = new SiteLedger(this.#findings, verify);
    this.#studies = new StudyLedger(this.#findings, this.#sites);
    const log = { tree: this.#tree, server: this.#server, sites: this.#sites, findings: this.#findings, verify };
    this.#checkpoints = new CheckpointCheck(log);
    this.#receipts = new ReceiptCheck(log);
    this.#models = new ModelCheck(log);
  }

  /** Entries that have been read. */
  get size(): number {
    return this.#tree.size;
  }

  /** Those that the log says made a model, for whoever makes these models again. */
  get rounds(): readonly CommittedRound[] {
    return this.#studies.committed;
  }

  get findings(): Findings {
    return this.#findings;
  }

  /** The next line, without its newline. Throws NotAnExport at the first. */
  push(line: Uint8Array): void {
    const value = this.#parse(line);
    if (this.#header === null) {
      const header = LogExportHeader.safeParse(value);
      if (!header.success)
        throw new NotAnExport(
          'Expected the export of a log, which begins with a line of "consilium-log-export/1", got another file.',
        );
      this.#header = header.data;
    } else if (isExportLine(value)) this.#other(value);
    else if (this.#entriesAreRead)
      this.#findings.wrong(null, `Line of the export: expected one of the kinds that follow the entries, got another.`);
    else this.#entry(line, value);
  }

  /** No line is left. */
  finish(): Verdict {
    if (this.#header === null) throw new NotAnExport('Expected the export of a log, got an empty file.');
    this.#endEntries(this.#header);
    for (const { keeper, envelope } of this.settings.receipts ?? []) this.#receipts.receipt(envelope, keeper);
    for (const kept of this.settings.checkpoints ?? []) this.#checkpoints.kept(kept);
    this.#checkpoints.finish();
    this.#models.finish();
    return this.verdict();
  }

  /** As of now: whoever recomputes models adds to the findings after `finish`. */
  verdict(): Verdict {
    const first = this.#findings.first ?? null;
    return {
      outcome: first === null ? 'verified' : first.kind,
      origin: this.#server.origin,
      size: this.#tree.size,
      root: hexOf(this.#tree.root()),
      counts: {
        ...this.#checkpoints.counts,
        receipts: this.#receipts.count,
        models: this.#models.count,
        updates: this.#updates,
        rounds: this.rounds.length,
      },
      first,
      problems: this.#findings.list(),
      problemCount: this.#findings.count,
    };
  }

  #entry(line: Uint8Array, value: unknown): void {
    const index = this.#tree.size;
    this.#tree.append(leafHash(line, this.settings.sha256));
    if (value === undefined)
      return this.#findings.wrong(index, `Entry ${index}: expected canonical JSON (RFC 8785), got another text.`);
    const event = LogEvent.safeParse(value);
    if (event.success) this.#apply(index, event.data, value);
    else
      this.#findings.wrong(
        index,
        `Entry ${index}: expected an event of the log's schema, got ${describe(event.error.issues[0])}.`,
      );
  }

  #apply(index: number, event: LogEvent, written: unknown): void {
    switch (event.type) {
      case 'log-opened':
        return this.#server.opened(index, event);
      case 'server-key-changed':
        return this.#server.keyChanged(index, event);
      case 'site-enrolled':
        return this.#sites.enrolled(index, event);
      case 'site-approved':
        return this.#sites.approved(index, event);
      case 'site-key-changed':
        return this.#sites.keyChanged(index, event);
      case 'site-revoked':
        return this.#sites.revoked(index, event);
      case 'consent-given':
      case 'consent-withdrawn':
        return this.#studies.consented(index, event);
      case 'study-created':
        return this.#studies.created(index, event, (written as { manifest: unknown }).manifest);
      case 'model-signed':
        this.#models.entry(index, event);
        return this.#studies.modelNamed(index, event);
      case 'model-promoted':
      case 'model-rolled-back':
      case 'model-measured':
        return this.#studies.modelNamed(index, event);
      default:
        return this.#applyToRound(index, event);
    }
  }

  #applyToRound(index: number, event: LogEvent): void {
    switch (event.type) {
      case 'round-opened':
        return this.#studies.opened(index, event);
      case 'update-received':
        this.#updates += 1;
        this.#receipts.entry(index, event);
        return this.#studies.received(index, event);
      case 'update-refused':
        return this.#receipts.entry(index, event);
      case 'update-judged':
      case 'update-decided':
        return this.#studies.judged(index, event);
      case 'round-committed':
        return this.#studies.closed(index, event);
      case 'round-aborted':
        return this.#studies.aborted(index, event);
      // What remains says who did what, and nothing else depends on it.
    }
  }

  #other(value: object): void {
    this.#endEntries(this.#header!);
    const parsed = LogExportLine.safeParse(value);
    if (!parsed.success) {
      return this.#findings.wrong(
        null,
        `Line of the export: expected one of its schema, got ${describe(parsed.error.issues[0])}.`,
      );
    }
    const line = parsed.data;
    switch (line.kind) {
      case 'checkpoint':
        return this.#checkpoints.checkpoint(line.note);
      case 'cosignature':
        return this.#checkpoints.cosignature(line);
      case 'leaves':
        return this.#checkpoints.recorded(line.from, hashesOfLeavesLine(line.hashes));
      case 'receipt':
        return this.#receipts.receipt(line.envelope);
      case 'model':
        return this.#models.model(line);
    }
  }

  /** What can be said once all entries have been read. */
  #endEntries({ size, origin, serverKeys }: LogExportHeader): void {
    if (this.#entriesAreRead) return;
    this.#entriesAreRead = true;
    this.#server.finish(this.settings.serverKey ?? null);
    const got = this.#tree.size;
    if (got !== size) {
      this.#findings.wrong(
        Math.min(got, size),
        `Entry ${Math.min(got, size)}: expected ${size} entries by the export's first line, got ${got}.`,
      );
    }
    const named = this.#server.keys.all().map(({ thumbprint }) => thumbprint);
    if (origin !== this.#server.origin || serverKeys.map(keyThumbprint).join() !== named.join()) {
      this.#findings.wrong(
        null,
        `Export: expected its first line to name the log and the keys that its entries name, got others.`,
      );
    }
  }

  #parse(line: Uint8Array): unknown {
    try {
      return parseCanonicalJson(this.#decoder.decode(line));
    } catch {
      // No UTF-8.
      return undefined;
    }
  }
}

function isExportLine(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'kind' in value && !('type' in value);
}

function describe({ path, message }: { path: PropertyKey[]; message: string }): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}
