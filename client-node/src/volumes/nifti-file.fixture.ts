/** NIfTI files of every kind for tests, byte by byte: what `nifti-writer` never writes but hospitals have. */
export interface RawNifti {
  readonly dims?: readonly number[];
  readonly datatype?: number;
  readonly bytesPerVoxel?: number;
  readonly bigEndian?: boolean;
  readonly slope?: number;
  readonly intercept?: number;
  readonly pixdim?: readonly number[];
  readonly units?: number;
  readonly qform?: { readonly code: number; readonly bcd: readonly number[]; readonly offset: readonly number[] };
  readonly sform?: { readonly code: number; readonly rows: readonly number[] };
  /** Writes one voxel; the default writes the index, as the datatype has it. */
  readonly put?: (view: DataView, at: number, index: number, littleEndian: boolean) => void;
}

const PUT: Partial<Record<number, NonNullable<RawNifti['put']>>> = {
  2: (v, at, i) => v.setUint8(at, i),
  4: (v, at, i, le) => v.setInt16(at, i - 3, le),
  8: (v, at, i, le) => v.setInt32(at, i - 3, le),
  16: (v, at, i, le) => v.setFloat32(at, i - 0.5, le),
  64: (v, at, i, le) => v.setFloat64(at, i - 0.5, le),
  256: (v, at, i) => v.setInt8(at, i - 3),
  512: (v, at, i, le) => v.setUint16(at, i, le),
  768: (v, at, i, le) => v.setUint32(at, i, le),
  1024: (v, at, i, le) => v.setBigInt64(at, BigInt(i - 3), le),
  1280: (v, at, i, le) => v.setBigUint64(at, BigInt(i), le),
};
export const BYTES: Partial<Record<number, number>> = {
  2: 1,
  4: 2,
  8: 4,
  16: 4,
  64: 8,
  256: 1,
  512: 2,
  768: 4,
  1024: 8,
  1280: 8,
};

export function rawNifti(options: RawNifti = {}): Uint8Array {
  const { dims = [3, 3, 4, 2], datatype = 16, pixdim = [1, 1, 1, 1], slope = 1, intercept = 0 } = options;
  const width = options.bytesPerVoxel ?? BYTES[datatype] ?? 1;
  const little = options.bigEndian !== true;
  const voxels = Math.abs(dims.slice(1, 1 + dims[0]).reduce((product, side) => product * side, 1));
  const bytes = new Uint8Array(352 + voxels * width);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 348, little);
  dims.forEach((value, i) => view.setInt16(40 + 2 * i, value, little));
  view.setInt16(70, datatype, little);
  view.setInt16(72, 8 * width, little);
  pixdim.forEach((value, i) => view.setFloat32(76 + 4 * i, value, little));
  view.setFloat32(108, 352, little);
  view.setFloat32(112, slope, little);
  view.setFloat32(116, intercept, little);
  view.setUint8(123, options.units ?? 2);
  if (options.qform) {
    view.setInt16(252, options.qform.code, little);
    [...options.qform.bcd, ...options.qform.offset].forEach((value, i) => view.setFloat32(256 + 4 * i, value, little));
  }
  if (options.sform) {
    view.setInt16(254, options.sform.code, little);
    options.sform.rows.forEach((value, i) => view.setFloat32(280 + 4 * i, value, little));
  }
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  const put = options.put ?? PUT[datatype];
  for (let index = 0; put && index < voxels; index++) put(view, 352 + index * width, index, little);
  return bytes;
}

/** NIfTI-2 of uint8 voxels 0, 1, 2, ... */
export function rawNifti2(dims: readonly number[], rows: readonly number[]): Uint8Array {
  const voxels = dims.slice(1, 1 + dims[0]).reduce((product, side) => product * side, 1);
  const bytes = new Uint8Array(544 + voxels);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 540, true);
  bytes.set([0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a], 4);
  view.setInt16(12, 2, true);
  view.setInt16(14, 8, true);
  dims.forEach((value, i) => view.setBigInt64(16 + 8 * i, BigInt(value), true));
  for (let i = 0; i < 8; i++) view.setFloat64(104 + 8 * i, 1, true);
  view.setBigInt64(168, 544n, true);
  view.setFloat64(176, 1, true);
  view.setInt32(348, 1, true);
  rows.forEach((value, i) => view.setFloat64(400 + 8 * i, value, true));
  view.setInt32(500, 2, true);
  for (let i = 0; i < voxels; i++) bytes[544 + i] = i;
  return bytes;
}
