/** Volumes on the host. Voxel arrays are C order [x, y, z], z fastest, in RAS: x to the right, y forward, z up. */

export type Triple = readonly [number, number, number];

/** Where the voxels of a file lie, as NIfTI says it: row-major 3x4, file index (i, j, k) to RAS millimetres. */
export type Affine = readonly number[];

/** The image's own grid: what a prediction needs to lie on its image voxel for voxel. */
export interface NativeGeometry {
  /** Voxels along the file's axes i, j, k. */
  readonly shape: Triple;
  readonly affine: Affine;
  /** How much the affine is worth: 0 = made up from the spacing alone, 1 to 5 as NIfTI's sform_code. */
  readonly affineCode: number;
  /** False where the file gives no voxel size: its volume was then taken to be on the study's spacing. */
  readonly spacingKnown: boolean;
}

/** What a file holds, brought to RAS. */
export interface NativeVolume {
  readonly image: Float32Array;
  /** Voxels [x, y, z] in RAS. */
  readonly shape: Triple;
  /** Millimetres [x, y, z] in RAS; null where the file does not say. */
  readonly spacing: Triple | null;
  /** The directions of the file's own axes, e.g. LPS. */
  readonly orientation: string;
  /** Type of the stored voxels. */
  readonly dtype: string;
  readonly geometry: NativeGeometry;
  /** What was assumed while reading. */
  readonly notes: readonly string[];
}

/** One case as training and inference see it: RAS, on the study's spacing. */
export interface Case {
  readonly name: string;
  readonly image: Float32Array;
  /** Class of every voxel, null where the case is unlabelled. */
  readonly label: Uint8Array | null;
  readonly shape: Triple;
  readonly spacing: Triple;
  readonly native: NativeGeometry;
}

export type VolumeFault =
  | 'missing'
  | 'unreadable'
  | 'truncated'
  | 'not-three-dimensional'
  | 'unsupported-type'
  | 'no-such-dataset'
  | 'not-a-label-map'
  | 'too-large';

/** A volume that cannot be used; the message is the part of a sentence that follows the file's name. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';

  constructor(
    readonly fault: VolumeFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function voxelCount(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** `12 x 30 x 8` */
export function times(triple: readonly number[], digits = 3): string {
  return triple.map((value) => String(Number(value.toFixed(digits)))).join(' x ');
}

/** What a case's voxels take in memory. */
export function bytesOfCase({ image, label }: Case): number {
  return image.byteLength + (label?.byteLength ?? 0);
}
