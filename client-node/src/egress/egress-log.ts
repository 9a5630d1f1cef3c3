import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson, DigestSchema, Instant, parseCanonicalJson } from '@consilium/shared';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { asFileFailure, NodeFailure, systemCode } from '../settings/failure.js';
import { Objection } from './objection.js';

/** What was judged, in figures: none of it is more than what the decision is about. */
const Facts = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
export type Facts = z.infer<typeof Facts>;

export const Decision = z.strictObject({
  /** What it is, as the routes name it. */
  what: z.string(),
  /** Where to: `GET /site/assignment`, `socket progress`. */
  way: z.string(),
  /** Of what would travel, or has; null where nothing does but the asking. */
  digest: DigestSchema.nullable(),
  bytes: z.int(),
  /** Null where it passed. */
  objection: Objection.nullable(),
  facts: Facts,
  /** The policy that was in force; not the site's own while the defaults held. */
  policy: z.strictObject({ digest: DigestSchema, isOwn: z.boolean() }),
});
export type Decision = z.infer<typeof Decision>;

export const EgressEntry = z.strictObject({
  index: z.int().min(0),
  at: Instant,
  /** SHA-256 of the line before, without its end; zeros in the first. */
  previous: DigestSchema,
  ...Decision.shape,
});
export type EgressEntry = z.infer<typeof EgressEntry>;

const NOTHING_BEFORE = '0'.repeat(64);
/** Longer than any entry: sentences and facts are bounded. */
const TAIL_BYTES = 64 * 1024;
const LOCK = {
  realpath: false,
  stale: 5_000,
  retries: { retries: 200, factor: 1, minTimeout: 50 },
  // Giving it back then fails, and so does the entry: what it tells of stays here.
  onCompromised: () => undefined,
};

/** Where the next line goes, and what it has to know of the last one. */
interface End {
  size: number;
  index: number;
  previous: string;
  policy: Decision['policy'] | null;
}
const BEGINNING: End = { size: 0, index: 0, previous: NOTHING_BEFORE, policy: null };

/**
 * A site's own record of every decision about what leaves: lines of canonical JSON that are only ever added, each with the hash of
 * the one before, on disk before what they tell of is sent. Several processes of a node write it.
 */
export class EgressLog {
  #end = BEGINNING;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(
    readonly path: string,
    private readonly now: () => number,
  ) {}

  append(decision: Decision): Promise<EgressEntry> {
    return this.#inTurn((file) => this.#write(file, decision));
  }

  /** That the last decision was made by; null before the first. */
  lastPolicy(): Promise<Decision['policy'] | null> {
    return this.#inTurn(async (file) => (await endOf(file, BEGINNING, this.path)).policy);
  }

  #inTurn<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    const done = this.#writing.then(() => this.#locked(work));
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(file: FileHandle, decision: Decision): Promise<EgressEntry> {
    const { index, previous, size } = (this.#end = await endOf(file, this.#end, this.path));
    const entry: EgressEntry = { index, at: new Date(this.now()).toISOString(), previous, ...decision };
    const line = canonicalJson(entry);
    const bytes = Buffer.from(`${line}\n`);
    await file.truncate(size);
    await file.write(bytes, 0, bytes.length, size);
    await file.datasync();
    this.#end = { size: size + bytes.length, index: index + 1, previous: hashOf(line), policy: decision.policy };
    return entry;
  }

  async #locked<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    try {
      await mkdir(dirname(this.path), { recursive: true });
      const release = await lock(this.path, LOCK);
      try {
        // Not for appending: a torn line of a killed process is overwritten.
        const file = await open(this.path, 'r+').catch(() => open(this.path, 'wx+', 0o600));
        try {
          return await work(file);
        } finally {
          await file.close();
        }
      } finally {
        await release();
      }
    } catch (error) {
      throw asFileFailure(error, `writing ${this.path}`);
    }
  }
}

/** Known, unless another process has written meanwhile. */
async function endOf(file: FileHandle, known: End, path: string): Promise<End> {
  const { size } = await file.stat();
  if (size === known.size) return known;
  const from = Math.max(0, size - TAIL_BYTES);
  const tail = Buffer.alloc(size - from);
  await file.read(tail, 0, tail.length, from);
  const last = tail.lastIndexOf('\n');
  if (last < 0 && from === 0) return BEGINNING;
  const line = tail.toString('utf8', tail.lastIndexOf('\n', last - 1) + 1, Math.max(0, last));
  const entry = EgressEntry.safeParse(parseCanonicalJson(line));
  if (!entry.success) {
    throw new NodeFailure(
      'usage',
      `${path}: expected it to end with an entry of this site's egress log, got another line; nothing leaves until it is restored or set aside`,
    );
  }
  return { size: from + last + 1, index: entry.data.index + 1, previous: hashOf(line), policy: entry.data.policy };
}

/**
 * All entries, oldest first, each held against the one before. Throws NodeFailure (usage) at the first line that is not as it was
 * written. A line without an end never was one: nothing was sent after it.
 */
export async function* readEgressLog(path: string): AsyncGenerator<EgressEntry> {
  let previous = NOTHING_BEFORE;
  let index = 0;
  for await (const line of wholeLines(path)) {
    const parsed = EgressEntry.safeParse(parseCanonicalJson(line));
    if (!parsed.success) throw changed(path, index, 'expected an entry in canonical JSON, got another text');
    if (parsed.data.index !== index) throw changed(path, index, `expected entry ${index}, got ${parsed.data.index}`);
    if (parsed.data.previous !== previous) {
      const hashes = `${previous}, got ${parsed.data.previous}`;
      throw changed(path, index, `expected the hash of the line before, ${hashes}`);
    }
    yield parsed.data;
    previous = hashOf(line);
    index++;
  }
}

/** A log grows for years: it is never in memory as a whole. */
async function* wholeLines(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const piece of createReadStream(path, 'utf8') as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw asFileFailure(error, `reading ${path}`);
  }
}

function changed(path: string, index: number, sentence: string): NodeFailure {
  return new NodeFailure('usage', `${path}: line ${index + 1} is not as it was written: ${sentence}`);
}

function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}
