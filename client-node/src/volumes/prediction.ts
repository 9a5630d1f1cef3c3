import { closestAxes, columnLength, fromRas, toRasOrder } from './orientation.js';
import { writeNifti } from './nifti-writer.js';
import { pickNearest, positionOn } from './resampling.js';
import { times, voxelCount, type NativeGeometry, type Triple } from './volume.js';

/** A segmentation in study space, RAS [x, y, z] on `spacing` (mm). */
export type StudySegmentation = {
  readonly shape: Triple;
  readonly spacing: Triple;
} & ({ readonly label: Uint8Array } | { readonly probabilities: Float32Array; readonly classes: number });

/** Writes it as NIfTI on the image's own grid, voxel for voxel, with the image's orientation and position. */
export async function writePrediction(
  path: string,
  segmentation: StudySegmentation,
  native: NativeGeometry,
): Promise<void> {
  await writeNifti(path, { voxels: onNativeGrid(segmentation, native), geometry: native, isLabel: true });
}

/** In the image file's own order, i fastest. Probabilities [x, y, z, c] give smoother borders than labels. */
export function onNativeGrid(segmentation: StudySegmentation, native: NativeGeometry): Uint8Array {
  const map = closestAxes(native.affine);
  const result = toRasOrder(native.shape, map);
  const own = toRasOrder([0, 1, 2].map((column) => columnLength(native.affine, column)) as unknown as Triple, map);
  const ratio = own.map((size, axis) =>
    native.spacingKnown ? size / segmentation.spacing[axis] : 1,
  ) as unknown as Triple;
  const label =
    'label' in segmentation
      ? pickNearest(checked(segmentation.label, segmentation.shape, 1), segmentation.shape, result, ratio)
      : likeliest(
          checked(segmentation.probabilities, segmentation.shape, segmentation.classes),
          segmentation,
          result,
          ratio,
        );
  return fromRas(label, native.shape, map);
}

function checked<T extends Uint8Array | Float32Array>(values: T, shape: Triple, classes: number): T {
  if (values.length !== voxelCount(shape) * classes) {
    throw new RangeError(`prediction: expected ${times(shape)} x ${classes} values, got ${values.length}`);
  }
  return values;
}

/** The two input positions around one output position, and the weight of the second. */
function between(index: number, count: number, inputs: number, ratio: number): [number, number, number] {
  const at = Math.min(Math.max(positionOn(index, count, inputs, ratio), 0), inputs - 1);
  const first = Math.min(Math.floor(at), Math.max(0, inputs - 2));
  return [first, Math.min(first + 1, inputs - 1), at - first];
}

/** Class of the highest trilinear probability; one plane and one line of probabilities in memory at a time. */
function likeliest(
  values: Float32Array,
  { shape, classes }: { shape: Triple; classes: number },
  result: Triple,
  ratio: Triple,
) {
  const line = shape[2] * classes;
  const plane = new Float32Array(shape[1] * line);
  const row = new Float32Array(line);
  const out = new Uint8Array(voxelCount(result));
  let to = 0;
  for (let x = 0; x < result[0]; x++) {
    const [x0, x1, fx] = between(x, result[0], shape[0], ratio[0]);
    blend(values, x0 * plane.length, values, x1 * plane.length, fx, plane);
    for (let y = 0; y < result[1]; y++) {
      const [y0, y1, fy] = between(y, result[1], shape[1], ratio[1]);
      blend(plane, y0 * line, plane, y1 * line, fy, row);
      for (let z = 0; z < result[2]; z++) {
        const [z0, z1, fz] = between(z, result[2], shape[2], ratio[2]);
        out[to++] = argmaxBetween(row, z0 * classes, z1 * classes, fz, classes);
      }
    }
  }
  return out;
}

function blend(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  share: number,
  out: Float32Array,
): void {
  for (let i = 0; i < out.length; i++) out[i] = a[aStart + i] * (1 - share) + b[bStart + i] * share;
}

function argmaxBetween(row: Float32Array, a: number, b: number, share: number, classes: number): number {
  let best = 0;
  let highest = -Infinity;
  for (let c = 0; c < classes; c++) {
    const value = row[a + c] * (1 - share) + row[b + c] * share;
    if (value > highest) [best, highest] = [c, value];
  }
  return best;
}
