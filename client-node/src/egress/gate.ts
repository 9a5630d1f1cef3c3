import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { BlobRef, Digest, ModelSettings, TransferEncoding } from '@consilium/shared';
import { asFileFailure } from '../settings/failure.js';
import type { Decision } from './egress-log.js';
import type { Judged, TrainedOn } from './judge-message.js';
import { EgressRefused, objection } from './objection.js';
import { isBare, wayOf, type Way } from './routes.js';

/** What a part of the node wants to send. */
export type Outgoing =
  | { kind: 'request'; method: 'GET' | 'POST'; path: string; body?: unknown }
  | { kind: 'message'; event: string; body: unknown }
  | {
      kind: 'update';
      upload: OutgoingFile;
      /** Digest of the study that it is for. */
      study: Digest;
      /** What it was trained on. */
      trained: TrainedOn;
      model: ModelSettings;
      base: { digest: Digest; file: string };
    };

/** A file as `prepareUpload` leaves it. */
interface OutgoingFile {
  file: string;
  encoding: TransferEncoding;
  base: Digest | null;
  blob: BlobRef;
}

/** What a permit is for, and all that may be sent with it. */
interface Cargo {
  request: { method: 'GET' | 'POST'; path: string; body: string | undefined };
  message: { event: string; body: unknown };
  update: { wire: Buffer; encoding: TransferEncoding; base: Digest | null; blob: BlobRef };
}

/** Held by whoever may send one thing, once. Only the gate makes them: what sends anything asks for one. */
class Permit<K extends keyof Cargo> {
  #cargo: Cargo[K] | undefined;

  constructor(cargo: Cargo[K]) {
    this.#cargo = cargo;
  }

  /** What may be sent. A permit that was used is worth nothing. */
  take(): Cargo[K] {
    const cargo = this.#cargo;
    if (cargo === undefined) throw new Error('egress permit: expected one that was not used, got a used one');
    this.#cargo = undefined;
    return cargo;
  }
}
export type { Permit };

/** Decides on content; `policy` names by what. */
export interface Judge {
  readonly policy: Decision['policy'];
  message(way: Way, text: string): Promise<Judged>;
  update(wire: Buffer, outgoing: Extract<Outgoing, { kind: 'update' }>): Promise<Judged>;
}

/** More than any study's model: what is larger is not even read. */
const READ_AT_MOST = 2 ** 30;

/** The one way out of a node: what may leave is judged and written down here first, and everything else stays. */
export class Gate {
  /** Bare ways that this process has been let go before: they would fill the log and tell nothing new. */
  readonly #standing = new Set<string>();

  constructor(
    private readonly judge: Judge,
    private readonly log: { append(decision: Decision): Promise<unknown> },
  ) {}

  /** Throws EgressRefused, once the log has it, where this may not leave; where the log cannot be written, nothing may. */
  async pass<O extends Outgoing>(outgoing: O): Promise<Permit<O['kind']>>;
  async pass(outgoing: Outgoing): Promise<Permit<keyof Cargo>> {
    if (outgoing.kind === 'update') return this.#passUpdate(outgoing);
    return outgoing.kind === 'request' ? this.#passRequest(outgoing) : this.#passMessage(outgoing);
  }

  async #passRequest({ method, path, body }: Extract<Outgoing, { kind: 'request' }>): Promise<Permit<'request'>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    await this.#decide(method, path, text ?? '');
    return new Permit<'request'>({ method, path, body: text });
  }

  async #passMessage({ event, body }: Extract<Outgoing, { kind: 'message' }>): Promise<Permit<'message'>> {
    const text = JSON.stringify(body);
    await this.#decide('socket', event, text);
    return new Permit<'message'>({ event, body: JSON.parse(text) });
  }

  async #decide(method: Way['method'], path: string, text: string): Promise<void> {
    const way = wayOf(method, path);
    const name = `${method} ${path}`;
    const isStanding = way !== undefined && isBare(way) && text === '';
    if (isStanding && this.#standing.has(name)) return;
    const judged =
      way === undefined
        ? { objection: objection('unknown-way', `expected one of the node's ways, got ${name}`), facts: {} }
        : await this.judge.message(way, text);
    const what = way?.what ?? 'unknown';
    const bytes = Buffer.byteLength(text);
    await this.#write({ what, way: name.slice(0, 300), digest: text === '' ? null : sha256(text), bytes, ...judged });
    if (isStanding) this.#standing.add(name);
  }

  async #passUpdate(outgoing: Extract<Outgoing, { kind: 'update' }>): Promise<Permit<'update'>> {
    const { file, encoding, base, blob } = outgoing.upload;
    const entry = { what: 'update', way: 'POST /uploads' };
    try {
      const { size: bytes } = await stat(file);
      if (bytes > READ_AT_MOST) {
        const against = objection('too-large', `expected at most ${READ_AT_MOST} bytes, got ${bytes}`);
        await this.#write({ ...entry, digest: null, bytes, objection: against, facts: {} });
      }
      // Held until it is sent: what was judged is what leaves, whatever becomes of the file.
      const wire = await readFile(file);
      const judged = await this.judge.update(wire, outgoing);
      await this.#write({ ...entry, digest: sha256(wire), bytes: wire.length, ...judged });
      return new Permit<'update'>({ wire, encoding, base: base === null ? null : outgoing.base.digest, blob });
    } catch (error) {
      throw asFileFailure(error, `reading ${file}`);
    }
  }

  async #write(decision: Omit<Decision, 'policy'>): Promise<void> {
    await this.log.append({ ...decision, policy: this.judge.policy });
    if (decision.objection !== null) throw new EgressRefused(decision.what, decision.objection);
  }
}

function sha256(bytes: string | Uint8Array): Digest {
  return createHash('sha256').update(bytes).digest('hex');
}
