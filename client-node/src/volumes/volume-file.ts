import { basename } from 'node:path';
import { hdf5HasLabel, readHdf5 } from './hdf5-file.js';
import { readNifti } from './nifti-file.js';
import { VolumeError, type NativeVolume } from './volume.js';

const ENDINGS = ['.nii.gz', '.nii', '.h5', '.hdf5'] as const;

/** The file's name without its ending, or null where it is no volume. */
export function caseName(path: string): string | null {
  const file = basename(path);
  const ending = ENDINGS.find((candidate) => file.toLowerCase().endsWith(candidate) && file.length > candidate.length);
  return ending === undefined || file.startsWith('.') ? null : file.slice(0, -ending.length);
}

export function isHdf5(path: string): boolean {
  return /\.(h5|hdf5)$/i.test(path);
}

export async function readVolume(path: string, dataset: 'image' | 'label' = 'image'): Promise<NativeVolume> {
  return isHdf5(path) ? readHdf5(path, dataset) : readNifti(path);
}

/** An HDF5 case may carry its label in the image's own file. */
export async function carriesLabel(path: string): Promise<boolean> {
  return isHdf5(path) && hdf5HasLabel(path);
}

/** How far from a whole number a slope may have left a class. */
const ROUNDING = 1e-3;

/** Whole numbers 0 to 255, as a label map holds them. Throws VolumeError on anything else. */
export function asLabelMap(values: Float32Array): Uint8Array {
  const label = new Uint8Array(values);
  for (let i = 0; i < values.length; i++) {
    if (label[i] === values[i]) continue;
    label[i] = Math.round(values[i]);
    // Also for NaN, and where the byte has wrapped round.
    if (!(Math.abs(label[i] - values[i]) < ROUNDING)) {
      throw new VolumeError('not-a-label-map', `expected whole numbers from 0 to 255, got ${values[i]}`);
    }
  }
  return label;
}

export function voxelsByValue(label: Uint8Array): { value: number; voxels: number }[] {
  const counts = new Uint32Array(256);
  for (let i = 0; i < label.length; i++) counts[label[i]]++;
  return Array.from(counts, (voxels, value) => ({ value, voxels })).filter(({ voxels }) => voxels > 0);
}

/** Finite minimum and maximum, and how many voxels are not finite. */
export function intensityRange(image: Float32Array): { minimum: number; maximum: number; notFinite: number } {
  let minimum = Infinity;
  let maximum = -Infinity;
  let finite = 0;
  for (let i = 0; i < image.length; i++) {
    const value = image[i];
    // Also false for NaN.
    if (!(value > -Infinity && value < Infinity)) continue;
    finite++;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum, notFinite: image.length - finite };
}
