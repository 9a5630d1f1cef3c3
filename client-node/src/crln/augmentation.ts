import type { Random } from '@consilium/shared';
import { drawFlip, drawTurn, moveColumns, turnedColumns, type Plane } from './augmentation-geometry.js';
import { addNoise, normaliseRange } from './augmentation-intensity.js';
import { drawPlans, labelColumns, strongImages } from './augmentation-plan.js';
import type {
  CrlnBatch,
  LabelledPatches,
  PatchShape,
  PreparedBatch,
  PreparedUnlabelled,
  PseudoLabelled,
  UnlabelledPatches,
} from './patches.js';

/** Augmentation as CRLN has it (Wang et al. 2025). Nothing here changes its input; the same seed gives the same bytes. */

const IGNORED = -1;

interface Layout {
  readonly patches: number;
  readonly channels: number;
  /** Values of one patch's image, of one column of it, and of one column of its labels. */
  readonly size: number;
  readonly inner: number;
  readonly depth: number;
  readonly plane: Plane;
}

function layoutOf(image: Float32Array, [patches, height, width, depth]: PatchShape): Layout {
  const channels = image.length / (patches * height * width * depth);
  if (!Number.isInteger(channels) || channels < 1) {
    throw new RangeError(
      `patches: expected a multiple of ${patches} x ${height} x ${width} x ${depth} values, got ${image.length}`,
    );
  }
  const inner = depth * channels;
  return { patches, channels, size: height * width * inner, inner, depth, plane: { height, width } };
}

/** Each patch, and each channel of it, by its own minimum and maximum to [0, 1]: all that a network is ever given. */
export function normalisePatches({ image, shape }: UnlabelledPatches): UnlabelledPatches {
  const { patches, size, channels } = layoutOf(image, shape);
  const out = image.slice();
  for (let b = 0; b < patches; b++) normaliseRange(out, b * size, (b + 1) * size, channels);
  return { image: out, shape };
}

/** Turn by k * 90 degrees and flip (each of the eight as likely), min-max, brightness 0.75 to 1.25. */
export function augmentLabelled(patches: LabelledPatches, random: Random): LabelledPatches {
  const { patches: count, plane, size, inner, depth, channels } = layoutOf(patches.image, patches.shape);
  const image = new Float32Array(patches.image.length);
  const label = new Int32Array(patches.label.length);
  for (let b = 0; b < count; b++) {
    const turns = drawTurn(plane, random);
    const columns = turnedColumns(plane, { turns, flip: random.chance(0.5) ? drawFlip(random) : 'none' });
    moveColumns(patches.image, image, b * size, columns, inner, 0);
    moveColumns(patches.label, label, b * columns.length * depth, columns, depth, 0);
    normaliseRange(image, b * size, (b + 1) * size, channels, random.uniform(0.75, 1.25));
  }
  return { image, label, shape: patches.shape };
}

/**
 * The strong view of unlabelled patches: rescale 0.5 to 1.5, CutMix with the next patch of the batch (area 1 - Beta(4, 4)),
 * intensity, noise, turn, min-max. Images may come in any scale; they are normalised first, so that pasted boxes and noise
 * are of the same measure. Labels follow later, by `withPseudoLabels`.
 */
export function prepareUnlabelled(patches: UnlabelledPatches, random: Random): PreparedUnlabelled {
  const { patches: count, plane, size, inner, channels } = layoutOf(patches.image, patches.shape);
  const { image, shape } = normalisePatches(patches);
  const plans = drawPlans(count, plane, random);
  const strong = strongImages(image, plans, plane, inner);
  plans.forEach(({ noise }, b) => {
    if (noise > 0) addNoise(strong, b * size, (b + 1) * size, noise, random);
    normaliseRange(strong, b * size, (b + 1) * size, channels);
  });
  return { image, strong, columns: labelColumns(plans, plane), shape };
}

/** Everything about a batch that needs no network, so that it can be done ahead and on another thread. */
export function prepareBatch({ labelled, unlabelled }: CrlnBatch, random: Random): PreparedBatch {
  return {
    prepared: true,
    labelled: labelled && augmentLabelled(labelled, random),
    unlabelled: unlabelled && prepareUnlabelled(unlabelled, random),
  };
}

/** The teacher's labels [b, h, w, d] and their probabilities, moved as the strong view's images were. */
export function withPseudoLabels(
  { strong, columns, shape }: PreparedUnlabelled,
  teacher: { readonly label: Int32Array; readonly confidence: Float32Array },
): PseudoLabelled {
  const depth = shape[3];
  const label = new Int32Array(teacher.label.length);
  const confidence = new Float32Array(teacher.confidence.length);
  moveColumns(teacher.label, label, 0, columns, depth, IGNORED);
  moveColumns(teacher.confidence, confidence, 0, columns, depth, 0);
  return { image: strong, label, confidence, shape };
}
