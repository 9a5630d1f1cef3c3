import type { CaseFiles, Split } from './site-folder.js';
import { closestAxes } from './orientation.js';
import { resampledShape } from './resampling.js';
import { asLabelMap, intensityRange, readVolume, voxelsByValue } from './volume-file.js';
import { times, VolumeError, voxelCount, type NativeGeometry, type NativeVolume, type Triple } from './volume.js';

/** What a study asks of volumes; without it only what is wrong in any study is found. */
export interface Expectations {
  /** Background included. */
  readonly classes?: number | undefined;
  /** Millimetres. */
  readonly spacing?: Triple | undefined;
  /** Voxels. */
  readonly patch?: Triple | undefined;
}

export interface VolumeReport {
  readonly name: string;
  readonly split: Split;
  readonly labelled: boolean;
  /** In RAS order; null where the image could not be read. */
  readonly shape: Triple | null;
  /** Millimetres in RAS order; null where unknown. */
  readonly spacing: Triple | null;
  readonly orientation: string | null;
  readonly dtype: string | null;
  readonly range: readonly [number, number] | null;
  readonly labelValues: readonly { readonly value: number; readonly voxels: number }[] | null;
  /** Each one a reason why this volume is left out. */
  readonly problems: readonly string[];
  /** Worth knowing; the volume is used. */
  readonly notes: readonly string[];
}

/** Slices this many times thicker than asked for leave most voxels to be made up by interpolation. */
export const LARGEST_ANISOTROPY = 4;
const NOTABLE_ANISOTROPY = 2;
/** Voxels of one resampled volume; a wrong spacing in a header must not ask for all memory. */
const MOST_VOXELS = 2 ** 28;

interface Findings {
  readonly problems: string[];
  readonly notes: string[];
}

/** Reads one case and says what it holds and what is wrong with it; never throws for what is in the files. */
export async function checkVolume(files: CaseFiles, expected: Expectations): Promise<VolumeReport> {
  const found: Findings = { problems: [...files.problems], notes: [] };
  const { grid, range } = await checkImage(files.image, expected, found);
  const label = files.label === null ? null : await readOrName('its label: ', files.label, 'label', found);
  const labelValues = label === null ? null : checkLabel(label, grid, expected, found);
  if (files.split === 'validation' && files.label === null) found.problems.push('a validation image without a label');
  return {
    name: files.name,
    split: files.split,
    labelled: files.label !== null,
    shape: grid?.shape ?? null,
    spacing: grid?.spacing ?? null,
    orientation: grid?.orientation ?? null,
    dtype: grid?.dtype ?? null,
    range,
    labelValues,
    ...found,
  };
}

/** All but the voxels: image and label are never in memory together. */
type Grid = Omit<NativeVolume, 'image'>;

interface CheckedImage {
  readonly grid: Grid | null;
  readonly range: readonly [number, number] | null;
}

async function checkImage(path: string | null, expected: Expectations, found: Findings): Promise<CheckedImage> {
  const volume = path === null ? null : await readOrName('', path, 'image', found);
  if (volume === null) return { grid: null, range: null };
  const { image, ...grid } = volume;
  found.notes.push(...grid.notes);
  checkGrid(grid, expected, found);
  return { grid, range: checkIntensities(image, found) };
}

async function readOrName(whose: string, path: string, dataset: 'image' | 'label', found: Findings) {
  try {
    return await readVolume(path, dataset);
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    found.problems.push(`${whose}${error.message}`);
    return null;
  }
}

function checkIntensities(image: Float32Array, found: Findings): readonly [number, number] | null {
  const { minimum, maximum, notFinite } = intensityRange(image);
  if (notFinite > 0) found.problems.push(`${notFinite} of its voxels are not finite numbers`);
  if (notFinite === image.length) return null;
  if (minimum === maximum) found.problems.push(`every voxel has the same intensity, ${minimum}`);
  return [minimum, maximum];
}

function checkGrid(image: Grid, { spacing: target, patch }: Expectations, found: Findings): void {
  if (image.spacing === null) {
    const taken = target === undefined ? "the study's" : `the study's, ${times(target)} mm`;
    found.notes.push(`its spacing is unknown and taken as ${taken}`);
  }
  const spacing = image.spacing ?? target;
  if (spacing === undefined) return;
  const finest = Math.min(...spacing);
  const excess = Math.max(...spacing.map((size, axis) => size / (target?.[axis] ?? finest)));
  const text = `anisotropic: voxels of ${times(spacing)} mm are ${Number(excess.toFixed(1))} times as long as `;
  const than = target === undefined ? 'wide' : `the study's ${times(target)} mm`;
  if (excess > LARGEST_ANISOTROPY) found.problems.push(`${text}${than}, expected at most ${LARGEST_ANISOTROPY} times`);
  else if (excess > NOTABLE_ANISOTROPY) found.notes.push(`${text}${than}`);
  if (target === undefined) return;
  const shape = resampledShape(image.shape, spacing, target);
  if (voxelCount(shape) > MOST_VOXELS) {
    found.problems.push(`would become ${times(shape)} voxels on the study's spacing, too many: is its spacing right?`);
  }
  if (patch?.some((side, axis) => side > shape[axis]) === true) {
    found.notes.push(`smaller than a patch (${times(shape)} of ${times(patch)} voxels) and padded`);
  }
}

function checkLabel(label: NativeVolume, image: Grid | null, expected: Expectations, found: Findings) {
  if (image !== null) checkSameGrid(label, image, found);
  let map: Uint8Array;
  try {
    map = asLabelMap(label.image);
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    found.problems.push(`its label is no label map: ${error.message}`);
    return null;
  }
  const values = voxelsByValue(map);
  const foreign = values.filter(({ value }) => expected.classes !== undefined && value >= expected.classes);
  if (foreign.length > 0) {
    const list = foreign.map(({ value, voxels }) => `${value} (${voxels} voxels)`).join(', ');
    found.problems.push(`its label holds ${list}, expected classes 0 to ${expected.classes! - 1}`);
  }
  if (values.every(({ value }) => value === 0)) found.problems.push('its label is empty: background only');
  return values;
}

function checkSameGrid(label: Grid, image: Grid, found: Findings): void {
  if (label.shape.some((side, axis) => side !== image.shape[axis])) {
    found.problems.push(`its label has ${times(label.shape)} voxels, expected the image's ${times(image.shape)}`);
    return;
  }
  if (label.geometry.affineCode === 0 || image.geometry.affineCode === 0) {
    if (label.orientation !== image.orientation) {
      found.problems.push(
        `its image and label are stored as ${image.orientation} and ${label.orientation}, one of them unsaid`,
      );
    }
    return;
  }
  const apart = greatestCornerDistance(label.geometry, image.geometry);
  if (apart > 0.5 * Math.min(...(image.spacing ?? [1]))) {
    const distance = Number(apart.toPrecision(3));
    found.problems.push(
      `its label lies up to ${distance} mm away from the image: their orientation or position differ`,
    );
  }
}

/** Millimetres between the same RAS corners of two grids; files may store the same grid in different axis orders. */
function greatestCornerDistance(a: NativeGeometry, b: NativeGeometry): number {
  let greatest = 0;
  for (let corner = 0; corner < 8; corner++) {
    const [p, q] = [a, b].map((geometry) => rasCorner(geometry, corner)) as [number[], number[]];
    greatest = Math.max(greatest, Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return greatest;
}

function rasCorner({ affine, shape }: NativeGeometry, corner: number): number[] {
  const map = closestAxes(affine);
  const index = [0, 0, 0];
  for (let world = 0; world < 3; world++) {
    const file = map.axis[world];
    const far = ((corner >> world) & 1) === 1;
    index[file] = far === map.flipped[world] ? 0 : shape[file] - 1;
  }
  return [0, 1, 2].map(
    (row) =>
      affine[4 * row] * index[0] +
      affine[4 * row + 1] * index[1] +
      affine[4 * row + 2] * index[2] +
      affine[4 * row + 3],
  );
}
