import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { isNIFTI1, isNIFTI2, readHeader, type NIFTI1, type NIFTI2 } from 'nifti-reader-js';
import { systemCode } from '../settings/failure.js';
import { closestAxes, columnLength, isUsable, obliqueness, orientationCode, toRas, toRasOrder } from './orientation.js';
import { VolumeError, voxelCount, type Affine, type NativeGeometry, type NativeVolume, type Triple } from './volume.js';

const gunzipped = promisify(gunzip);

/** Bytes of an unpacked file beyond which it is refused: a 4 GB volume is no scan, and would end the process. */
const LARGEST = 4 * 1024 ** 3 - 1;
/** Degrees; a patient never lies straighter. */
const OBLIQUE = 10;
const HEADER_1 = 348;
const HEADER_2 = 540;

type Header = NIFTI1 | NIFTI2;
type Voxels = Float32Array | Float64Array;

interface StoredVoxels {
  readonly buffer: ArrayBufferLike;
  /** Bytes from the buffer's start; a multiple of the type's size. */
  readonly start: number;
  readonly count: number;
}

interface StoredType {
  readonly name: string;
  readonly bytes: number;
  /** Values of 4 bytes or more that are not float32 keep double precision until slope and intercept are applied. */
  readonly read: (voxels: StoredVoxels) => Voxels;
}

const bigToDouble = (values: BigInt64Array | BigUint64Array) => Float64Array.from(values, Number);

/** NIfTI's datatype codes that hold one number per voxel. */
const STORED_TYPES: ReadonlyMap<number, StoredType> = new Map([
  [2, { name: 'uint8', bytes: 1, read: (v) => new Float32Array(new Uint8Array(v.buffer, v.start, v.count)) }],
  [4, { name: 'int16', bytes: 2, read: (v) => new Float32Array(new Int16Array(v.buffer, v.start, v.count)) }],
  [8, { name: 'int32', bytes: 4, read: (v) => new Float64Array(new Int32Array(v.buffer, v.start, v.count)) }],
  [16, { name: 'float32', bytes: 4, read: (v) => new Float32Array(v.buffer, v.start, v.count) }],
  [64, { name: 'float64', bytes: 8, read: (v) => new Float64Array(v.buffer, v.start, v.count) }],
  [256, { name: 'int8', bytes: 1, read: (v) => new Float32Array(new Int8Array(v.buffer, v.start, v.count)) }],
  [512, { name: 'uint16', bytes: 2, read: (v) => new Float32Array(new Uint16Array(v.buffer, v.start, v.count)) }],
  [768, { name: 'uint32', bytes: 4, read: (v) => new Float64Array(new Uint32Array(v.buffer, v.start, v.count)) }],
  [1024, { name: 'int64', bytes: 8, read: (v) => bigToDouble(new BigInt64Array(v.buffer, v.start, v.count)) }],
  [1280, { name: 'uint64', bytes: 8, read: (v) => bigToDouble(new BigUint64Array(v.buffer, v.start, v.count)) }],
]);

/** Reads .nii and .nii.gz, NIfTI-1 and -2 in one file. Throws VolumeError. */
export async function readNifti(path: string): Promise<NativeVolume> {
  const bytes = await unpacked(path);
  const header = parseHeader(bytes);
  const shape = shapeOf(header);
  const stored = STORED_TYPES.get(header.datatypeCode);
  if (stored === undefined) {
    throw new VolumeError(
      'unsupported-type',
      `expected one number per voxel, got NIfTI datatype ${header.datatypeCode}`,
    );
  }
  const notes: string[] = [];
  const geometry = geometryOf(header, shape, bytes, notes);
  const map = closestAxes(geometry.affine);
  noteObliqueness(geometry.affine, notes);
  const voxels = stored.read(voxelBytes(bytes, header, shape, stored));
  const { slope, intercept } = scaling(header);
  const spacing = [0, 1, 2].map((column) => columnLength(geometry.affine, column)) as unknown as Triple;
  return {
    image: toRas(voxels, shape, map, slope, intercept),
    shape: toRasOrder(shape, map),
    spacing: geometry.spacingKnown ? toRasOrder(spacing, map) : null,
    orientation: orientationCode(map),
    dtype: stored.name,
    geometry,
    notes,
  };
}

async function unpacked(path: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw new VolumeError('missing', 'expected a file, found none', { cause: error });
    throw new VolumeError('unreadable', `cannot be opened (${code ?? String(error)})`, { cause: error });
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await gunzipped(bytes, { maxOutputLength: LARGEST });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'Z_BUF_ERROR') {
      throw new VolumeError('truncated', 'cut short: its compressed stream ends too early', { cause: error });
    }
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new VolumeError('too-large', 'holds more than 4 GB of voxels', { cause: error });
    }
    throw new VolumeError('unreadable', `its compressed stream is damaged (${code ?? String(error)})`, {
      cause: error,
    });
  }
}

function parseHeader(bytes: Buffer): Header {
  const start = copyOf(bytes, 0, Math.min(bytes.byteLength, HEADER_2));
  const version = isNIFTI1(start) ? 1 : isNIFTI2(start) ? 2 : 0;
  if (version === 0) {
    const pair = isNIFTI1(start, true) || isNIFTI2(start, true);
    const found = pair ? 'one half of a .hdr/.img pair' : 'none';
    throw new VolumeError('unreadable', `expected a NIfTI header, found ${found}`);
  }
  const length = version === 1 ? HEADER_1 : HEADER_2;
  if (bytes.byteLength < length) throw new VolumeError('truncated', 'cut short within its header');
  try {
    // Extensions are left out on purpose: nothing here needs them, and a damaged list must not cost the image.
    return readHeader(start.slice(0, length));
  } catch (error) {
    throw new VolumeError('unreadable', 'its NIfTI header is damaged', { cause: error });
  }
}

function shapeOf(header: Header): Triple {
  const rank = header.dims[0];
  const sides = header.dims.slice(1, 1 + rank);
  while (sides.length > 3 && sides.at(-1)! <= 1) sides.pop();
  if (sides.length !== 3 || rank < 1 || rank > 7) {
    const found = rank >= 1 && rank <= 7 ? `${sides.length} (${sides.join(' x ')})` : `a rank of ${rank}`;
    throw new VolumeError('not-three-dimensional', `expected 3 dimensions, got ${found}`);
  }
  if (!sides.every((side) => side >= 1)) {
    throw new VolumeError('unreadable', `expected positive dimensions, got ${sides.join(' x ')}`);
  }
  return sides as unknown as Triple;
}

function copyOf(bytes: Buffer, start: number, end: number): ArrayBuffer {
  const copy = new ArrayBuffer(end - start);
  new Uint8Array(copy).set(bytes.subarray(start, end));
  return copy;
}

/** In place where bytes lie as the processor wants them, else a copy: volumes are large. */
function voxelBytes(bytes: Buffer, header: Header, shape: Triple, stored: StoredType): StoredVoxels {
  const start = Math.max(header.vox_offset, HEADER_1);
  const count = voxelCount(shape);
  const end = start + count * stored.bytes;
  if (!Number.isFinite(start) || end > bytes.byteLength) {
    const found = Math.max(0, bytes.byteLength - start);
    throw new VolumeError('truncated', `cut short: expected ${end - start} bytes of voxels, got ${found}`);
  }
  const swapped = !header.littleEndian && stored.bytes > 1;
  if (!swapped && Number.isInteger((bytes.byteOffset + start) / stored.bytes)) {
    return { buffer: bytes.buffer, start: bytes.byteOffset + start, count };
  }
  const copy = copyOf(bytes, start, end);
  if (swapped) swapBytes(Buffer.from(copy), stored.bytes);
  return { buffer: copy, start: 0, count };
}

function swapBytes(view: Buffer, width: number): void {
  if (width === 2) view.swap16();
  else if (width === 4) view.swap32();
  else view.swap64();
}

/** A slope of 0 or one that is no number means "no scaling" (NIfTI-1, scl_slope). */
function scaling(header: Header): { slope: number; intercept: number } {
  if (header.scl_slope === 0 || !Number.isFinite(header.scl_slope)) return { slope: 1, intercept: 0 };
  return { slope: header.scl_slope, intercept: Number.isFinite(header.scl_inter) ? header.scl_inter : 0 };
}

/** The sform where it is set and sound, else the qform, else the voxel sizes with axes taken as RAS. */
function geometryOf(header: Header, shape: Triple, bytes: Buffer, notes: string[]): NativeGeometry {
  const scale = millimetresPerUnit(header.xyzt_units);
  const rows = header.sform_code > 0 ? sformRows(header, bytes).map((value) => value * scale) : [];
  if (header.sform_code > 0 && isUsable(rows)) return found(shape, rows, header.sform_code);
  if (header.sform_code > 0) notes.push('its sform is not a usable matrix and was left aside');
  const sizes = header.pixDims.slice(1, 4).map((size) => Math.abs(size) * scale);
  const sizesKnown = sizes.every((size) => Number.isFinite(size) && size > 0);
  if (header.qform_code > 0 && sizesKnown) {
    const rotated = qformRows(header, sizes, scale);
    if (isUsable(rotated)) return found(shape, rotated, header.qform_code);
    notes.push('its qform is not a usable rotation and was left aside');
  }
  const [a, b, c] = sizesKnown ? sizes : [1, 1, 1];
  notes.push('it does not say how it is oriented; its axes are taken as right, anterior, superior');
  const affine = [a, 0, 0, 0, 0, b, 0, 0, 0, 0, c, 0];
  return { shape, affine, affineCode: 0, spacingKnown: sizesKnown };
}

/** Volumes are turned to the nearest axes, never resampled to a rotation. */
function noteObliqueness(affine: Affine, notes: string[]): void {
  const degrees = Math.round(obliqueness(affine));
  if (degrees <= OBLIQUE) return;
  notes.push(`its axes lie ${degrees} degrees off right, anterior, superior; the nearest are taken`);
}

function found(shape: Triple, affine: Affine, affineCode: number): NativeGeometry {
  return { shape, affine, affineCode, spacingKnown: true };
}

/** The low three bits of xyzt_units: 1 = metre, 2 = millimetre, 3 = micrometre; unset means millimetre. */
function millimetresPerUnit(units: number): number {
  return { 1: 1000, 3: 0.001 }[units & 7] ?? 1;
}

/** From the bytes: the reader's own matrix may be the qform's, or changed. */
function sformRows(header: Header, bytes: Buffer): number[] {
  if (bytes.byteLength >= HEADER_2 && header.magic.startsWith('n+2')) return header.affine.slice(0, 3).flat();
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_1);
  return Array.from({ length: 12 }, (_, entry) => view.getFloat32(280 + 4 * entry, header.littleEndian));
}

/** NIfTI-1's method 2: a unit quaternion, the voxel sizes, and a third axis turned round where pixdim[0] is negative. */
function qformRows(header: Header, sizes: readonly number[], scale: number): number[] {
  let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d];
  const rest = 1 - (b * b + c * c + d * d);
  let a = Math.sqrt(Math.max(rest, 0));
  if (rest < 1e-7) {
    const length = Math.hypot(b, c, d);
    [a, b, c, d] = [0, b / length, c / length, d / length];
  }
  const [sx, sy, sz] = [sizes[0], sizes[1], sizes[2] * (header.pixDims[0] < 0 ? -1 : 1)];
  const offset = [header.qoffset_x, header.qoffset_y, header.qoffset_z].map((value) => value * scale);
  return [
    ...[(a * a + b * b - c * c - d * d) * sx, 2 * (b * c - a * d) * sy, 2 * (b * d + a * c) * sz, offset[0]],
    ...[2 * (b * c + a * d) * sx, (a * a + c * c - b * b - d * d) * sy, 2 * (c * d - a * b) * sz, offset[1]],
    ...[2 * (b * d - a * c) * sx, 2 * (c * d + a * b) * sy, (a * a + d * d - b * b - c * c) * sz, offset[2]],
  ];
}
