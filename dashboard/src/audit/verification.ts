import {
  canonicalJson,
  isCheckpointSignedBy,
  keyThumbprint,
  leafHash,
  LogEvent,
  openJws,
  parseCheckpoint,
  parseJson,
  verifyConsistency,
  verifyInclusion,
  type Hash,
  type PublicKey,
  type RawLogEntry,
  type SignedCheckpoint,
} from '@consilium/shared';
import type { LogSource } from './log-queries.js';

/** The newest tree that this browser has verified. */
export interface SeenTree {
  origin: string;
  size: number;
  /** Hexadecimal. */
  root: string;
  /** RFC 7638 thumbprint of the key that the log was opened with. */
  key: string;
}

export type Verdict =
  { holds: true; checkpoint: SignedCheckpoint; seen: SeenTree; since: number | null } | { holds: false; why: string };

/**
 * Whether a checkpoint is the log's own and continues the tree that this browser saw last. The first time, the key that the log
 * was opened with is taken on trust; from then on another one is noticed.
 */
export async function verifyLog(note: string, source: LogSource, before: SeenTree | null): Promise<Verdict> {
  const checkpoint = parseCheckpoint(note);
  if (checkpoint === null) return no('expected a checkpoint, got a text that is none');
  const { origin, size, root } = checkpoint;
  if (before !== null && before.origin !== origin) return no(`expected the log ${before.origin}, got ${origin}`);
  const keys = await signingKeys(checkpoint, source);
  if (typeof keys === 'string') return no(keys);
  const { first, last } = keys;
  if (!isCheckpointSignedBy(checkpoint, last)) return no('the checkpoint is not signed by the key that the log names');
  const key = keyThumbprint(first);
  if (before !== null && before.key !== key) return no(`expected a log opened with the key ${before.key}, got ${key}`);
  if (before !== null && !(await continues(before, checkpoint, source)))
    return no(`the ${size} entries do not begin with the ${before.size} that this browser has verified before`);
  return { holds: true, checkpoint, seen: { origin, size, root: hex(root), key }, since: before?.size ?? null };
}

/** That an entry is in the tree of a checkpoint, just as it is shown; else a sentence. */
export async function proveEntry(
  { index, event }: RawLogEntry,
  { size, root }: Pick<SignedCheckpoint, 'size' | 'root'>,
  source: LogSource,
): Promise<true | string> {
  if (index >= size) return `the entry is newer than the checkpoint, which covers ${size} entries`;
  const proof = (await source.inclusion(index, size)).map(bytesOf);
  const holds = verifyInclusion({ leaf: leafOf(event), index, size, root, proof });
  return holds || `the tree of ${size} entries has another entry at ${index}`;
}

export function leafOf(event: Record<string, unknown>): Hash {
  return leafHash(new TextEncoder().encode(canonicalJson(event)));
}

/** Each key is named by an entry of the log itself, and each new one is endorsed by the one before. */
async function signingKeys(
  checkpoint: SignedCheckpoint,
  source: LogSource,
): Promise<{ first: PublicKey; last: PublicKey } | string> {
  const opening = (await source.entries({ from: 0, limit: 1, order: 'oldest' })).entries.at(0);
  const opened = opening === undefined ? null : LogEvent.safeParse(opening.event).data;
  if (opening?.index !== 0 || opened?.type !== 'log-opened') return 'expected the log to begin with its opening';
  if (opened.origin !== checkpoint.origin) return `expected an opening of ${checkpoint.origin}, got ${opened.origin}`;
  const included = await proveEntry(opening, checkpoint, source);
  if (included !== true) return included;
  let last = opened.serverKey;
  for (const entry of (await source.entries({ type: 'server-key-changed', limit: 1000, order: 'oldest' })).entries) {
    if (entry.index >= checkpoint.size) break;
    const proven = await proveEntry(entry, checkpoint, source);
    if (proven !== true) return proven;
    const changed = LogEvent.safeParse(entry.event).data;
    if (changed?.type !== 'server-key-changed') return `expected a change of keys at ${entry.index}`;
    if (!isEndorsed(changed, last, checkpoint.origin))
      return `the key of entry ${entry.index} is not endorsed by the one before`;
    last = changed.serverKey;
  }
  return { first: opened.serverKey, last };
}

type KeyChange = Extract<LogEvent, { type: 'server-key-changed' }>;

/** A lost key cannot endorse its successor: the log says so, and its readers have to ask the operator why. */
function isEndorsed({ endorsement, former, serverKey }: KeyChange, key: PublicKey, origin: string): boolean {
  if (former !== keyThumbprint(key)) return false;
  if (endorsement === null) return true;
  const opened = openJws(endorsement, key);
  return opened !== null && canonicalJson(parseJson(opened.payload)) === canonicalJson({ former, origin, serverKey });
}

async function continues(before: SeenTree, { size, root }: SignedCheckpoint, source: LogSource): Promise<boolean> {
  if (before.size > size) return false;
  const proof = before.size === size || before.size === 0 ? [] : await source.consistency(before.size, size);
  return verifyConsistency({
    oldSize: before.size,
    oldRoot: bytesOf(before.root),
    size,
    root,
    proof: proof.map(bytesOf),
  });
}

function no(why: string): Verdict {
  return { holds: false, why };
}

function bytesOf(text: string): Hash {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
