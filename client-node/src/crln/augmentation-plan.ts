import type { Random } from '@consilium/shared';
import {
  drawBox,
  drawFlip,
  drawTurn,
  isInside,
  rescaleBy,
  turnedColumns,
  weighRow,
  type Box,
  type Plane,
  type Rescale,
} from './augmentation-geometry.js';

/** Of the noise that half of the strong views get, in units of the normalised image. */
const NOISE = 0.1;

/**
 * All that chance decides about the strong view of one patch: rescale, then a box of the next patch, then a turn.
 * Drawn before any voxel or label is looked at, so that the image can be made ready before the teacher has labelled it.
 */
export interface PatchPlan {
  readonly rescale: Rescale;
  /** Filled from the next patch of the batch; null where there is no other. */
  readonly box: Box | null;
  /** For each column of the strong view: the column that it was before the turn. */
  readonly turned: Int32Array;
  /**
   * Standard deviation, 0 for none. An intensity factor f before noise s is the same as noise s / f before none,
   * because the strong view's last act is to normalise to [0, 1]: the factor needs no pass of its own.
   */
  readonly noise: number;
}

export function drawPlans(patches: number, plane: Plane, random: Random): PatchPlan[] {
  return Array.from({ length: patches }, () => {
    const rescale = rescaleBy(random.uniform(0.5, 1.5), plane);
    const box = patches < 2 ? null : drawBox(plane, 1 - random.beta(4, 4), random);
    const factor = random.chance(0.8) ? random.uniform(0.75, 1.25) : 1;
    const noise = random.chance(0.5) ? NOISE / factor : 0;
    const turned = turnedColumns(plane, {
      turns: random.chance(0.5) ? drawTurn(plane, random) : 0,
      flip: random.chance(0.5) ? drawFlip(random) : 'none',
    });
    return { rescale, box, turned, noise };
  });
}

/** Column `column` of patch `b`'s strong view: from which patch's rescaled plane, and where in it. */
function originOf(plans: readonly PatchPlan[], b: number, column: number, width: number) {
  const { turned, box } = plans[b];
  const x = Math.floor(turned[column] / width);
  const y = turned[column] % width;
  return { patch: box !== null && isInside(box, x, y) ? (b + 1) % plans.length : b, x, y };
}

/**
 * For each column [patches, height, width] of the strong views: the column of the batch whose labels it carries (nearest
 * neighbour), -1 in padding. Depth never moves, so this small map is all that labels and confidences need.
 */
export function labelColumns(plans: readonly PatchPlan[], { height, width }: Plane): Int32Array {
  const size = height * width;
  const columns = new Int32Array(plans.length * size);
  for (let b = 0; b < plans.length; b++) {
    for (let column = 0; column < size; column++) {
      const { patch, x, y } = originOf(plans, b, column, width);
      const { rescale } = plans[patch];
      const [sx, sy] = [rescale.height.nearest[x], rescale.width.nearest[y]];
      columns[b * size + column] = sx < 0 || sy < 0 ? -1 : patch * size + sx * width + sy;
    }
  }
  return columns;
}

/** The strong views' images, before noise and normalising: cubic along height, then along width only where a column is used. */
export function strongImages(
  image: Float32Array,
  plans: readonly PatchPlan[],
  { height, width }: Plane,
  inner: number,
): Float32Array {
  const row = width * inner;
  const stretched = new Float32Array(image.length);
  plans.forEach(({ rescale }, b) => {
    const offset = b * height * row;
    for (let x = 0; x < height; x++) weighRow(image, offset, stretched, offset + x * row, row, rescale.height, x);
  });
  const out = new Float32Array(image.length);
  for (let b = 0; b < plans.length; b++) {
    for (let column = 0; column < height * width; column++) {
      const { patch, x, y } = originOf(plans, b, column, width);
      const to = (b * height * width + column) * inner;
      weighRow(stretched, (patch * height + x) * row, out, to, inner, plans[patch].rescale.width, y);
    }
  }
  return out;
}
