import { join } from 'node:path';
import { Random } from '@consilium/shared';
import { closestAxes, fromRas, orientationCode } from './orientation.js';
import { drawPhantom, scannerLook, type Phantom } from './phantom.js';
import { writeNifti, type NiftiContent } from './nifti-writer.js';
import { voxelCount, type NativeGeometry, type Triple } from './volume.js';

export interface PhantomSiteOptions {
  /** Names the site's scanner: the same seed and another site give other patients at another contrast. */
  readonly site: string;
  readonly seed: number;
  readonly labelled: number;
  readonly unlabelled: number;
  readonly validation?: number;
  /** Voxels in RAS order. */
  readonly shape?: Triple;
  /** Millimetres in RAS order. */
  readonly spacing?: Triple;
  /** Background included. */
  readonly classes?: number;
  /** How files are stored, in turn; e.g. ['RAS', 'LPS', 'PIR']. */
  readonly orientations?: readonly string[];
}

/** Voxels; small enough for a demo on two cores, large enough for a patch of 48 x 48 x 32. */
export const PHANTOM_SHAPE: Triple = [64, 64, 48];

/** Writes a site folder; the same options give the same bytes. Returns the cases' names. */
export async function writePhantomSite(directory: string, options: PhantomSiteOptions): Promise<string[]> {
  const { site, seed, labelled, unlabelled, validation = 0, orientations = ['RAS'] } = options;
  const look = scannerLook(Random.from(seed, 'phantom scanner', site));
  const names: string[] = [];
  for (let index = 0; index < labelled + unlabelled + validation; index++) {
    const random = Random.from(seed, 'phantom', site, index);
    const phantom = drawPhantom(options.shape ?? PHANTOM_SHAPE, options.classes ?? 2, look, random);
    const geometry = storedAs(phantom.shape, options.spacing ?? [1, 1, 1], orientations[index % orientations.length]);
    const name = `${site}-${String(index + 1).padStart(3, '0')}`;
    const measured = index >= labelled + unlabelled;
    const folder = measured ? join(directory, 'validation') : directory;
    await writeNifti(join(folder, 'images', `${name}.nii.gz`), imageFile(phantom, geometry));
    if (measured || index < labelled) {
      await writeNifti(join(folder, 'labels', `${name}.nii.gz`), labelFile(phantom.label, geometry));
    }
    names.push(name);
  }
  return names;
}

/** Geometry of a RAS grid that is stored with its axes along `code`, e.g. LPS; its first RAS voxel lies at 0, 0, 0. */
export function storedAs(shape: Triple, spacing: Triple, code: string): NativeGeometry {
  const affine = new Array<number>(12).fill(0);
  const stored = [0, 0, 0];
  Array.from(code).forEach((letter, file) => {
    const world = ['RL', 'AP', 'SI'].findIndex((pair) => pair.includes(letter));
    const backwards = 'LPI'.includes(letter);
    if (world === -1) throw new RangeError(`orientation: expected letters of RL, AP and SI, got ${code}`);
    stored[file] = shape[world]!;
    affine[4 * world + file] = backwards ? -spacing[world] : spacing[world];
    if (backwards) affine[4 * world + 3] = (shape[world] - 1) * spacing[world];
  });
  const geometry: NativeGeometry = { shape: stored as unknown as Triple, affine, affineCode: 1, spacingKnown: true };
  if (orientationCode(closestAxes(affine)) !== code)
    throw new RangeError(`orientation: expected three axes, got ${code}`);
  return geometry;
}

/** 12 bits of intensity with a slope, as scanners store them. */
function imageFile({ image }: Phantom, geometry: NativeGeometry): NiftiContent {
  const slope = image.reduce((most, value) => Math.max(most, value), 1e-6) / 4095;
  return {
    voxels: reorder(
      Int16Array.from(image, (value) => Math.round(value / slope)),
      geometry,
    ),
    geometry,
    slope,
  };
}

export function labelFile(label: Uint8Array, geometry: NativeGeometry): NiftiContent {
  return { voxels: reorder(label, geometry), geometry, isLabel: true };
}

function reorder<T extends Uint8Array | Int16Array>(voxels: T, geometry: NativeGeometry): T {
  if (voxels.length !== voxelCount(geometry.shape)) throw new RangeError('phantom: expected voxels of its own shape');
  return fromRas(voxels, geometry.shape, closestAxes(geometry.affine));
}
