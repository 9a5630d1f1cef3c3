import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { endianness } from 'node:os';
import { writeWholeFile } from '../settings/whole-file.js';
import { voxelCount, type Case } from './volume.js';

/** Raised when resampling, or the layout below, changes: older files are then never looked at again. */
const VERSION = 2;
const LENGTH_BYTES = 4;
/** Patients' voxels: for the node's user alone. */
const PRIVATE = 0o600;

/** Changes when a file is replaced: path, size, time of change in nanoseconds; and with anything else that is given. */
export async function cacheKey(paths: readonly string[], ...rest: readonly unknown[]): Promise<string> {
  const files: string[] = [];
  for (const path of paths) {
    const status = await stat(path, { bigint: true });
    files.push(`${path}\u0000${status.size}\u0000${status.mtimeNs}`);
  }
  const text = JSON.stringify([VERSION, endianness(), files, rest]);
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}

function casePath(directory: string, key: string): string {
  return join(directory, `${key}.case`);
}

/** JSON header with its length before it, padded to 4 bytes; then the image as float32; then the label, a byte each. */
export async function storeCase(directory: string, key: string, { image, label, ...rest }: Case): Promise<void> {
  const text = JSON.stringify({ ...rest, labelled: label !== null });
  const header = Buffer.from(text + ' '.repeat((4 - (Buffer.byteLength(text) % 4)) % 4));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  const voxels = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  await writeWholeFile(
    casePath(directory, key),
    Buffer.concat([length, header, voxels, label ?? new Uint8Array(0)]),
    PRIVATE,
  );
}

/** Null where there is none, or none that is whole. */
export async function cachedCase(directory: string, key: string): Promise<Case | null> {
  try {
    const bytes = await readFile(casePath(directory, key));
    const start = LENGTH_BYTES + bytes.readUInt32LE(0);
    const { labelled, ...rest } = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, start)) as Omit<
      Case,
      'image' | 'label'
    > & {
      labelled: boolean;
    };
    const voxels = voxelCount(rest.shape);
    if (bytes.length !== start + voxels * (labelled ? 5 : 4)) return null;
    const image = new Float32Array(voxels);
    new Uint8Array(image.buffer).set(bytes.subarray(start, start + image.byteLength));
    return { ...rest, image, label: labelled ? new Uint8Array(bytes.subarray(start + image.byteLength)) : null };
  } catch {
    return null;
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
