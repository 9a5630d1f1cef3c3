import {
  digestOfBytes,
  hexOf,
  openReceipt,
  type Digest,
  type DsseEnvelope,
  type LogEvent,
  type MerkleTree,
  type Receipt,
  type VerifySignature,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import type { ServerLedger } from './server-ledger.js';

interface Compared {
  tree: MerkleTree;
  server: ServerLedger;
  findings: Findings;
  verify?: VerifySignature | undefined;
}

/** Holds a log against what its server has given sites in writing. */
export class ReceiptCheck {
  /** What the log says of each submission, by index. */
  readonly #entries = new Map<number, { submission: Digest; verdict: Receipt['verdict'] }>();
  #count = 0;

  constructor(private readonly log: Compared) {}

  get count(): number {
    return this.#count;
  }

  entry(index: number, event: LogEvent): void {
    if (event.type === 'update-refused') this.#entries.set(index, { submission: event.submission, verdict: 'refused' });
    if (event.type !== 'update-received') return;
    const submission = digestOfBytes(new TextEncoder().encode(event.jws));
    this.#entries.set(index, { submission, verdict: event.verdict });
  }

  /** All entries have been read. `keeper`: who kept it, apart from the export. */
  receipt(envelope: DsseEnvelope, keeper: string | null = null): void {
    const { server, findings, tree, verify } = this.log;
    const what = keeper === null ? 'Receipt' : `Receipt of ${keeper}`;
    const signed = server.keys.all().flatMap(({ publicKey, until }) => {
      const receipt = openReceipt(envelope, publicKey, verify);
      return receipt !== null && receipt.index < until ? [receipt] : [];
    });
    const receipt = signed.at(0);
    if (receipt === undefined)
      return findings.wrong(null, `${what}: expected one signed with the server's key, got another text or signature.`);
    const { index, leaf, origin, submission, verdict } = receipt;
    if (origin !== server.origin)
      return findings.wrong(
        null,
        `${what}: expected one of the log ${server.origin ?? '(without a name)'}, got ${origin}.`,
      );
    this.#count += 1;
    const got = index < tree.size ? hexOf(tree.at({ level: 0, index })) : 'no such entry';
    if (got !== leaf)
      return findings.wrong(index, `Entry ${index}: expected the entry ${leaf} by the server's receipt, got ${got}.`);
    const entry = this.#entries.get(index);
    if (entry?.submission !== submission || entry.verdict !== verdict) {
      findings.wrong(
        index,
        `Entry ${index}: expected the submission ${submission}, ${verdict}, by the server's receipt, got ${entry ? `${entry.submission}, ${entry.verdict}` : 'another event'}.`,
      );
    }
  }
}
