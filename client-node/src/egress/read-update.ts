import { createHash } from 'node:crypto';
import {
  ContainerError,
  decodeContainer,
  encodeContainer,
  readContainerHeader,
  type BlobRef,
  type ContainerHeader,
  type Digest,
  type ModelSettings,
  type NamedTensors,
  type TransferEncoding,
} from '@consilium/shared';
import { decodeTransfer, encodeTransfer, type ByteSource } from '@consilium/shared/transfer';
import { objection, objectionOf, type Objection } from './objection.js';

/** A trained model as it would travel, with what it is claimed to be. */
export interface OutgoingUpdate {
  wire: Uint8Array;
  encoding: TransferEncoding;
  /** What the server would have of it. */
  blob: BlobRef;
  model: ModelSettings;
  base: { digest: Digest; bytes: Uint8Array };
}

export interface ReadUpdate {
  header: ContainerHeader;
  tensors: NamedTensors;
  base: NamedTensors;
}

/** Reads an update as the server will. What it says has to be said in the only way there is, or something rides along. */
export async function readUpdate(update: OutgoingUpdate): Promise<ReadUpdate | Objection> {
  const { wire, encoding, base } = update;
  if (sha256(base.bytes) !== base.digest)
    return objection('wrong-base', `expected the base ${base.digest}, got another model`);
  try {
    const bytes = await decoded(update);
    if (!isSame(await encoded(bytes, update), wire))
      return objection('not-canonical', `expected the one ${encoding} form of a model, got another`);
    return containerOf(bytes, update);
  } catch (error) {
    if (error instanceof ContainerError) return objectionOf(error.refusal);
    throw error;
  }
}

function containerOf(bytes: Uint8Array, { blob, base }: OutgoingUpdate): ReadUpdate | Objection {
  const digest = sha256(bytes);
  if (digest !== blob.digest || bytes.length !== blob.bytes)
    return objection(
      'digest-mismatch',
      `expected ${blob.bytes} bytes with ${blob.digest}, got ${bytes.length} with ${digest}`,
    );
  const header = readContainerHeader(bytes, bytes.length);
  const notes = Object.keys(header.metadata).length;
  if (notes > 0) return objection('metadata', `expected a model without notes, got ${notes} of them`);
  const { tensors } = decodeContainer(bytes);
  if (!isSame(encodeContainer(tensors), bytes))
    return objection('not-canonical', 'expected the one container of its tensors, got other bytes that say the same');
  return { header, tensors, base: decodeContainer(base.bytes).tensors };
}

async function decoded({ wire, encoding, base, blob }: OutgoingUpdate): Promise<Uint8Array> {
  if (encoding === 'float32') return wire;
  return joined(decodeTransfer(piecesOf(wire), encoding, { base: sourceOf(base.bytes), bytes: blob.bytes }));
}

async function encoded(bytes: Uint8Array, { encoding, base }: OutgoingUpdate): Promise<Uint8Array> {
  return encoding === 'float32' ? bytes : joined(encodeTransfer(sourceOf(bytes), encoding, sourceOf(base.bytes)));
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    bytes: bytes.length,
    read: (position, into) => {
      into.set(bytes.subarray(position, position + into.length));
      return Promise.resolve();
    },
  };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Of native speed, unlike the portable one of `shared`: models are tens of megabytes. */
function sha256(bytes: Uint8Array): Digest {
  return createHash('sha256').update(bytes).digest('hex');
}
