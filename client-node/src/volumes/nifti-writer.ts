import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { writeWholeFile } from '../settings/whole-file.js';
import { columnLength } from './orientation.js';
import { voxelCount, type NativeGeometry } from './volume.js';

const HEADER = 348;
/** Header and the four bytes that say "no extensions". */
const VOXELS_AT = 352;
const LABEL_INTENT = 1002;
const MILLIMETRES = 2;
/** Of a file that is written: packed and written while the next is waited for. */
const PIECE_BYTES = 1 << 20;

export interface NiftiContent {
  /** In the file's own order, i fastest. */
  readonly voxels: Uint8Array | Int16Array | Float32Array;
  readonly geometry: NativeGeometry;
  readonly slope?: number;
  readonly intercept?: number;
  readonly isLabel?: boolean;
}

/** NIfTI-1, little-endian, orientation in the sform; nothing of a patient is in it. */
export function encodeNifti(content: NiftiContent): Uint8Array {
  return new Uint8Array(Buffer.concat([...niftiPieces(content)]));
}

/** The same bytes one after another, voxels as views: a large volume is never held twice. */
function* niftiPieces(content: NiftiContent): Generator<Uint8Array> {
  const { voxels, geometry } = content;
  if (voxels.length !== voxelCount(geometry.shape)) {
    throw new RangeError(`NIfTI: expected ${voxelCount(geometry.shape)} voxels, got ${voxels.length}`);
  }
  const header = new Uint8Array(VOXELS_AT);
  writeHeader(new DataView(header.buffer), content);
  yield header;
  for (let at = 0; at < voxels.byteLength; at += PIECE_BYTES) {
    yield new Uint8Array(voxels.buffer, voxels.byteOffset + at, Math.min(PIECE_BYTES, voxels.byteLength - at));
  }
}

function writeHeader(view: DataView, { voxels, geometry, slope, intercept, isLabel }: NiftiContent): void {
  const datatype = voxels instanceof Uint8Array ? 2 : voxels instanceof Int16Array ? 4 : 16;
  view.setInt32(0, HEADER, true);
  [3, ...geometry.shape, 1, 1, 1, 1].forEach((value, i) => view.setInt16(40 + 2 * i, value, true));
  if (isLabel === true) view.setInt16(68, LABEL_INTENT, true);
  view.setInt16(70, datatype, true);
  view.setInt16(72, 8 * voxels.BYTES_PER_ELEMENT, true);
  const sizes = [0, 1, 2].map((column) => columnLength(geometry.affine, column));
  [1, ...sizes, 1, 1, 1, 1].forEach((value, i) => view.setFloat32(76 + 4 * i, value, true));
  view.setFloat32(108, VOXELS_AT, true);
  view.setFloat32(112, slope ?? 1, true);
  view.setFloat32(116, intercept ?? 0, true);
  view.setUint8(123, MILLIMETRES);
  view.setInt16(254, geometry.affineCode, true);
  geometry.affine.forEach((value, i) => view.setFloat32(280 + 4 * i, value, true));
  [0x6e, 0x2b, 0x31, 0].forEach((byte, i) => view.setUint8(344 + i, byte));
}

/** Packed where the name ends in .gz. A reader sees the whole file or none. */
export async function writeNifti(path: string, content: NiftiContent): Promise<void> {
  const pieces = niftiPieces(content);
  await writeWholeFile(path, path.endsWith('.gz') ? Readable.from(pieces).pipe(createGzip({ level: 6 })) : pieces);
}
