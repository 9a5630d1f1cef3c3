import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64, toBase64, toBase64url } from '../signing/base64.js';
import { rawPublicKey, verifySignature, type Signer, type VerifySignature } from '../signing/ed25519.js';

/** One line under a note (C2SP signed-note): which key of which name, and its signature. */
export interface NoteSignature {
  name: string;
  /** 4 bytes. A hint which key it is. */
  keyHash: Uint8Array;
  signature: Uint8Array;
}

export interface SignedNote {
  /** What is signed: lines, each with its newline. */
  text: string;
  signatures: NoteSignature[];
}

/** Of what kind a signature is; part of the key hash. */
export const NoteAlgorithm = { ed25519: 0x01, cosignature: 0x04 } as const;
export type NoteAlgorithm = (typeof NoteAlgorithm)[keyof typeof NoteAlgorithm];

const KEY_HASH_BYTES = 4;
/** More than a federation has sites. */
const MAXIMUM_BYTES = 1 << 20;

export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}]+$/u.test(name);
}

/** Null where the text is no signed note. What it says counts for nothing before a signature is verified. */
export function parseNote(note: string): SignedNote | null {
  const end = note.lastIndexOf('\n\n');
  // Of the control characters only the newline.
  if (end < 0 || note.length > MAXIMUM_BYTES || /[^\n\P{Cc}]/u.test(note) || !note.endsWith('\n')) return null;
  const lines = note.slice(end + 2, -1).split('\n');
  const signatures = lines.map(parseSignatureLine);
  return signatures.every((signature) => signature !== null) ? { text: note.slice(0, end + 1), signatures } : null;
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map((signature) => `${signatureLine(signature)}\n`).join('')}`;
}

/** Without its newline. */
export function signatureLine({ name, keyHash, signature }: NoteSignature): string {
  return `— ${name} ${toBase64(concatBytes(keyHash, signature))}`;
}

export function parseSignatureLine(line: string): NoteSignature | null {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const bytes = match === null ? null : fromBase64(match[2]);
  if (match === null || bytes === null || bytes.length <= KEY_HASH_BYTES || !isKeyName(match[1])) return null;
  return { name: match[1], keyHash: bytes.subarray(0, KEY_HASH_BYTES), signature: bytes.subarray(KEY_HASH_BYTES) };
}

export function noteKeyHash(name: string, publicKey: PublicKey, algorithm: NoteAlgorithm): Uint8Array {
  const key = rawPublicKey(publicKey);
  if (key === null) throw new RangeError(`key ${name}: expected 32 bytes, got ${publicKey.x}`);
  return sha256(concatBytes(utf8ToBytes(`${name}\n`), Uint8Array.of(algorithm), key)).subarray(0, KEY_HASH_BYTES);
}

export function signNote(text: string, name: string, signer: Signer): NoteSignature {
  if (!isKeyName(name)) throw new RangeError(`key name: expected no space and no +, got ${name}`);
  const keyHash = noteKeyHash(name, signer.publicKey, NoteAlgorithm.ed25519);
  return { name, keyHash, signature: signer.sign(utf8ToBytes(text)) };
}

/** The note's signatures that claim to be by this key; others are none of its business. */
export function signaturesBy(
  { signatures }: SignedNote,
  name: string,
  publicKey: PublicKey,
  algorithm: NoteAlgorithm,
): Uint8Array[] {
  const expected = bytesToHex(noteKeyHash(name, publicKey, algorithm));
  return signatures
    .filter((each) => each.name === name && bytesToHex(each.keyHash) === expected)
    .map(({ signature }) => signature);
}

/** Whether the key of this name signed the note; false also where one of two signatures under its name is not its own. */
export function isNoteSignedBy(
  note: SignedNote,
  name: string,
  publicKey: PublicKey,
  verify: VerifySignature = verifySignature,
): boolean {
  const signatures = signaturesBy(note, name, publicKey, NoteAlgorithm.ed25519);
  const text = utf8ToBytes(note.text);
  return signatures.length > 0 && signatures.every((signature) => verify(signature, text, publicKey));
}

/** How a key for notes is written down: NAME+HASH+BASE64 (C2SP signed-note, verifier keys). */
export function formatVerifierKey(name: string, publicKey: PublicKey): string {
  const key = concatBytes(Uint8Array.of(NoteAlgorithm.ed25519), rawPublicKey(publicKey) ?? new Uint8Array());
  return `${name}+${bytesToHex(noteKeyHash(name, publicKey, NoteAlgorithm.ed25519))}+${toBase64(key)}`;
}

/** Null where the text is no Ed25519 key for notes. */
export function parseVerifierKey(text: string): { name: string; publicKey: PublicKey } | null {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  const bytes = match === null ? null : fromBase64(match[3]);
  if (match === null || bytes?.length !== 33 || bytes[0] !== NoteAlgorithm.ed25519) return null;
  const publicKey: PublicKey = { kty: 'OKP', crv: 'Ed25519', x: toBase64url(bytes.subarray(1)) };
  const isItself = bytesToHex(noteKeyHash(match[1], publicKey, NoteAlgorithm.ed25519)) === match[2];
  return isItself ? { name: match[1], publicKey } : null;
}
