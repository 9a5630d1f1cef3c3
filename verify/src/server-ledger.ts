import {
  canonicalJson,
  keyThumbprint,
  openJws,
  type LogEvent,
  type PublicKey,
  type VerifySignature,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import { KeyHistory } from './key-history.js';

type Event<T extends LogEvent['type']> = Extract<LogEvent, { type: T }>;

/** Which log this is, and which keys have signed for it. */
export class ServerLedger {
  readonly keys = new KeyHistory();
  /** Entries where a key took over without the word of the one before. */
  readonly #unendorsed: number[] = [];
  #origin: string | null = null;

  constructor(
    private readonly findings: Findings,
    private readonly verify?: VerifySignature,
  ) {}

  get origin(): string | null {
    return this.#origin;
  }

  opened(index: number, { origin, serverKey }: Event<'log-opened'>): void {
    if (index > 0) return this.findings.wrong(index, `Entry ${index}: expected a log to be opened once, got it again.`);
    this.#origin = origin;
    this.keys.name(serverKey, index);
  }

  keyChanged(index: number, { former, serverKey, endorsement }: Event<'server-key-changed'>): void {
    const before = this.keys.current;
    if (before?.thumbprint !== former) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected the server's former key ${before?.thumbprint ?? '(none)'}, got ${former}.`,
      );
    } else if (endorsement === null) {
      this.#unendorsed.push(index);
    } else if (!this.#isEndorsed(before.publicKey, endorsement, { former, origin: this.#origin, serverKey })) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected the server's new key to be endorsed by the former one, got another signature.`,
      );
    }
    this.keys.name(serverKey, index);
  }

  /** `trusted`: the key that whoever verifies has from elsewhere; null where he takes the log's word for it. */
  finish(trusted: PublicKey | null): void {
    const keys = this.keys.all();
    if (keys.length === 0)
      return this.findings.wrong(0, 'Entry 0: expected the log to begin with log-opened, got another entry or none.');
    if (trusted === null) return;
    const thumbprint = keyThumbprint(trusted);
    const known = keys.find((key) => key.thumbprint === thumbprint);
    if (!known) {
      return this.findings.wrong(
        0,
        `Entry 0: expected a log of the server key ${thumbprint}, got one of ${keys[0].thumbprint}.`,
      );
    }
    for (const index of this.#unendorsed.filter((each) => each > known.from)) {
      this.findings.missing(
        index,
        `Entry ${index}: the server changed its key without the former key's endorsement; give the new key with --key once the server's operator has confirmed it.`,
      );
    }
  }

  #isEndorsed(key: PublicKey, endorsement: string, statement: object): boolean {
    const opened = openJws(endorsement, key, this.verify);
    return opened !== null && new TextDecoder().decode(opened.payload) === canonicalJson(statement);
  }
}
