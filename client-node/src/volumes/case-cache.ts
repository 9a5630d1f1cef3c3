import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { endianness } from 'node:os';
import { writeWholeFile } from '../settings/whole-file.js';
import { voxelCount, type Case } from './volume.js';

/** Raised when resampling, or the layout below, changes: older files are then never looked at again. */
const VERSION = 3;
const LENGTH_BYTES = 4;
/** Patients' voxels: for the node's user alone. */
const PRIVATE = 0o600;
/** What a node killed while it wrote leaves behind; a younger one may belong to a writer. */
const ABANDONED_MS = 3_600_000;

/**
 * Changes when a file's content does, without reading it: path, inode, size, and the times of its last change, of which the
 * second (ctime) cannot be set back by a copy that keeps dates; and with anything else that is given.
 */
export async function cacheKey(paths: readonly string[], ...rest: readonly unknown[]): Promise<string> {
  const files: string[] = [];
  for (const path of paths) {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    files.push([path, ino, size, mtimeNs, ctimeNs].join('\u0000'));
  }
  const text = JSON.stringify([VERSION, endianness(), files, rest]);
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}

function casePath(directory: string, key: string): string {
  return join(directory, `${key}.case`);
}

interface Header extends Omit<Case, 'image' | 'label'> {
  readonly labelled: boolean;
  readonly checksum: number;
}

/** JSON header with its length before it, padded to 4 bytes; then the image as float32; then the label, a byte each. */
export async function storeCase(directory: string, key: string, { image, label, ...rest }: Case): Promise<void> {
  const facts: Header = { ...rest, labelled: label !== null, checksum: checksumOf(image, label) };
  const text = JSON.stringify(facts);
  const header = Buffer.from(text + ' '.repeat((4 - (Buffer.byteLength(text) % 4)) % 4));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  const voxels = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const bytes = Buffer.concat([length, header, voxels, label ?? new Uint8Array(0)]);
  await writeWholeFile(casePath(directory, key), bytes, PRIVATE);
}

/** Null where there is none, or none that is whole. The case's arrays are views of the file's bytes. */
export async function cachedCase(directory: string, key: string): Promise<Case | null> {
  try {
    const path = casePath(directory, key);
    const bytes = await readFile(path);
    const start = LENGTH_BYTES + bytes.readUInt32LE(0);
    const { labelled, checksum, ...rest } = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, start)) as Header;
    const voxels = voxelCount(rest.shape);
    const end = start + Float32Array.BYTES_PER_ELEMENT * voxels;
    if (bytes.length !== end + (labelled ? voxels : 0)) return null;
    const image = new Float32Array(bytes.buffer, bytes.byteOffset + start, voxels);
    const label = labelled ? new Uint8Array(bytes.buffer, bytes.byteOffset + end, voxels) : null;
    if (checksumOf(image, label) !== checksum) return null;
    const now = new Date();
    // `boundCaseCache` takes the time of the last use from here.
    await utimes(path, now, now).catch(() => undefined);
    return { ...rest, image, label };
  } catch {
    return null;
  }
}

/** FNV-1a over 32-bit words: finds what a bad disk does, within a third of the time that reading takes. */
function checksumOf(image: Float32Array, label: Uint8Array | null): number {
  const words = new Int32Array(image.buffer, image.byteOffset, image.length);
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
  if (label !== null) for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label[i], 0x01000193);
  return hash >>> 0;
}

/** Removes the cases used longest ago until the rest is within `limitBytes`, and what killed writers left. */
export async function boundCaseCache(directory: string, limitBytes: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const files: { path: string; bytes: number; used: number }[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const status = await stat(path).catch(() => null);
    if (status === null) continue;
    if (name.endsWith('.case')) files.push({ path, bytes: status.size, used: status.mtimeMs });
    else if (name.endsWith('.part') && Date.now() - status.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
  files.sort((a, b) => b.used - a.used);
  let bytes = 0;
  for (const file of files) {
    bytes += file.bytes;
    if (bytes > limitBytes) await rm(file.path, { force: true });
  }
}

export async function storeReport(directory: string, key: string, report: unknown): Promise<void> {
  await writeWholeFile(join(directory, `${key}.check.json`), JSON.stringify(report), PRIVATE);
}

export async function cachedReport(directory: string, key: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(directory, `${key}.check.json`), 'utf8')) as unknown;
  } catch {
    return null;
  }
}
