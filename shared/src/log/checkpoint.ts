import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64, toBase64 } from '../signing/base64.js';
import { verifySignature, type Signer, type VerifySignature } from '../signing/ed25519.js';
import { HASH_BYTES, type Hash } from './merkle-hash.js';
import {
  formatNote,
  isKeyName,
  isNoteSignedBy,
  NoteAlgorithm,
  noteKeyHash,
  parseNote,
  parseSignatureLine,
  signatureLine,
  signaturesBy,
  signNote,
  type SignedNote,
} from './signed-note.js';

/** What a log was at one size (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, also that of the key that signs. No space, no +. */
  origin: string;
  size: number;
  root: Hash;
}

export interface SignedCheckpoint extends Checkpoint {
  note: SignedNote;
}

/** The whole note with the log's own signature. */
export function signCheckpoint(checkpoint: Checkpoint, signer: Signer): string {
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
  return formatNote({ text, signatures: [signNote(text, checkpoint.origin, signer)] });
}

/** Null where the text is no checkpoint, or has lines that nobody could check. Its signatures are still to be verified. */
export function parseCheckpoint(text: string): SignedCheckpoint | null {
  const note = parseNote(text);
  const match = note === null ? null : /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n$/.exec(note.text);
  if (note === null || match === null) return null;
  const [origin, size, root] = [match[1], Number(match[2]), fromBase64(match[3])];
  if (!isKeyName(origin) || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES) return null;
  return { origin, size, root, note };
}

/** Whether this is what the log itself says. */
export function isCheckpointSignedBy(
  { origin, note }: SignedCheckpoint,
  publicKey: PublicKey,
  verify?: VerifySignature,
): boolean {
  return isNoteSignedBy(note, origin, publicKey, verify);
}

/** Under this name a site signs the checkpoints of a log. */
export function witnessName(origin: string, site: string): string {
  return `${origin}/${site}`;
}

export interface Witness {
  /** See `witnessName`. */
  name: string;
  signer: Signer;
  /** Seconds since 1970. */
  time: number;
}

/**
 * The line that a witness adds to a checkpoint (C2SP tlog-cosignature, Ed25519): "at this time this was the largest log that I
 * had seen, and it began with all that I saw before". To be signed only once that has been verified.
 */
export function cosign({ note }: SignedCheckpoint, { name, signer, time }: Witness): string {
  if (!isKeyName(name)) throw new RangeError(`witness: expected a name without space and +, got ${name}`);
  const keyHash = noteKeyHash(name, signer.publicKey, NoteAlgorithm.cosignature);
  const seconds = new Uint8Array(TIME_BYTES);
  new DataView(seconds.buffer).setBigUint64(0, BigInt(time));
  const signature = concatBytes(seconds, signer.sign(cosignedBytes(note, BigInt(time))));
  return signatureLine({ name, keyHash, signature });
}

/** The checkpoint with one more line under it; null where the line is none. */
export function withSignature(note: string, line: string): string | null {
  const parsed = parseNote(note);
  const signature = parseSignatureLine(line);
  if (parsed === null || signature === null) return null;
  return formatNote({ text: parsed.text, signatures: [...parsed.signatures, signature] });
}

/** When this witness signed the checkpoint, in seconds since 1970; null where it did not. */
export function cosignedAt(
  { note }: SignedCheckpoint,
  name: string,
  publicKey: PublicKey,
  verify: VerifySignature = verifySignature,
): number | null {
  for (const signature of signaturesBy(note, name, publicKey, NoteAlgorithm.cosignature)) {
    if (signature.length !== TIME_BYTES + 64) continue;
    const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
    if (verify(signature.subarray(TIME_BYTES), cosignedBytes(note, time), publicKey)) return Number(time);
  }
  return null;
}

const TIME_BYTES = 8;

function cosignedBytes({ text }: SignedNote, time: bigint): Uint8Array {
  return utf8ToBytes(`cosignature/v1\ntime ${time}\n${text}`);
}
