import {
  digestOfBytes,
  DsseEnvelope,
  ModelCard,
  openModelSignature,
  parseCanonicalJson,
  type Digest,
  type LogEvent,
  type ModelStatement,
  type VerifySignature,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import type { ServerLedger } from './server-ledger.js';

type Signed = Extract<LogEvent, { type: 'model-signed' }>;

interface Compared {
  server: ServerLedger;
  findings: Findings;
  verify?: VerifySignature | undefined;
}

/** Holds the signatures of model versions against the entries that name them. */
export class ModelCheck {
  /** Those whose signature has not come yet, by the digest of the envelope. */
  readonly #awaited = new Map<Digest, { index: number; event: Signed }>();
  #count = 0;

  constructor(private readonly log: Compared) {}

  get count(): number {
    return this.#count;
  }

  entry(index: number, event: Signed): void {
    this.#awaited.set(event.envelope, { index, event });
  }

  /** All entries have been read. Both are texts as they were hashed. */
  model({ envelope, card }: { envelope: string; card: string }): void {
    const { findings } = this.log;
    const digest = digestOfText(envelope);
    const awaited = this.#awaited.get(digest);
    if (awaited === undefined)
      return findings.wrong(null, `Model signature: expected one that the log names once, got ${digest}.`);
    this.#awaited.delete(digest);
    this.#count += 1;
    const { index, event } = awaited;
    const problem = this.#problemOf(event, index, envelope, card);
    if (problem !== null) findings.wrong(index, `Entry ${index}: model version ${event.version}: ${problem}.`);
  }

  finish(): void {
    for (const { index, event } of this.#awaited.values()) {
      this.log.findings.missing(
        index,
        `Entry ${index}: model version ${event.version}: expected its signature in the export, got none.`,
      );
    }
  }

  #problemOf(event: Signed, index: number, envelope: string, card: string): string | null {
    const statement = this.#statement(envelope, index);
    if (statement === null) return "expected the signature of the server's key on it, got another";
    const files = new Set(statement.predicate.resources.map(({ digest }) => digest));
    if (!files.has(event.model))
      return `expected a signature on the model ${event.model}, got one on ${[...files].join(' and ')}`;
    if (digestOfText(card) !== event.card || !files.has(event.card))
      return `expected the model card ${event.card}, got ${digestOfText(card)}`;
    const parsed = ModelCard.safeParse(parseCanonicalJson(card));
    if (!parsed.success) return 'expected a model card, got another text';
    const { version, studyDigest, model } = parsed.data;
    const isOwn = version === event.version && studyDigest === event.studyDigest && model.digest === event.model;
    return isOwn ? null : `expected a card of this version, got one of version ${version} of ${studyDigest}`;
  }

  #statement(text: string, index: number): ModelStatement | null {
    const envelope = DsseEnvelope.safeParse(parseCanonicalJson(text));
    if (!envelope.success) return null;
    for (const key of this.log.server.keys.since(index)) {
      const statement = openModelSignature(envelope.data, key, this.log.verify);
      if (statement !== null) return statement;
    }
    return null;
  }
}

function digestOfText(text: string): Digest {
  return digestOfBytes(new TextEncoder().encode(text));
}
