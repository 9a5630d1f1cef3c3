import type { Random } from '@consilium/shared';
import {
  drawBox,
  drawFlip,
  drawTurn,
  pasteBox,
  rescaleBy,
  rescaleImage,
  rescaleNearest,
  turn,
  type Plane,
  type Turn,
} from './augmentation-geometry.js';
import { addNoise, normaliseRange, scaleRange } from './augmentation-intensity.js';
import type { LabelledPatches, PatchShape, PseudoLabelled, UnlabelledPatches } from './patches.js';

/** Augmentation as CRLN has it (Wang et al. 2025). Nothing here changes its input; the same seed gives the same bytes. */

const IGNORED = -1;

interface Layout {
  readonly patches: number;
  readonly channels: number;
  /** Voxels of one patch. */
  readonly voxels: number;
  /** Of the image, whose inner values are depth x channels; and of labels and confidences. */
  readonly image: Plane;
  readonly map: Plane;
}

function layoutOf(image: Float32Array, [patches, height, width, depth]: PatchShape): Layout {
  const voxels = height * width * depth;
  const channels = image.length / (patches * voxels);
  if (!Number.isInteger(channels) || channels < 1) {
    throw new RangeError(
      `patches: expected a multiple of ${patches} x ${height} x ${width} x ${depth} values, got ${image.length}`,
    );
  }
  const plane = { height, width };
  return { patches, channels, voxels, image: { ...plane, inner: depth * channels }, map: { ...plane, inner: depth } };
}

/** Each patch, and each channel of it, by its own minimum and maximum to [0, 1]: all that a network is ever given. */
export function normalisePatches({ image, shape }: UnlabelledPatches): UnlabelledPatches {
  const { patches, voxels, channels } = layoutOf(image, shape);
  const out = image.slice();
  for (let b = 0; b < patches; b++) normaliseRange(out, b * voxels * channels, (b + 1) * voxels * channels, channels);
  return { image: out, shape };
}

/** Turn by k * 90 degrees and flip (each of the eight as likely), min-max, brightness 0.75 to 1.25. */
export function augmentLabelled(patches: LabelledPatches, random: Random): LabelledPatches {
  const layout = layoutOf(patches.image, patches.shape);
  const { image: plane, map, voxels, channels } = layout;
  const image = new Float32Array(patches.image.length);
  const label = new Int32Array(patches.label.length);
  for (let b = 0; b < layout.patches; b++) {
    const move: Turn = {
      turns: drawTurn(plane.height, plane.width, random),
      flip: random.chance(0.5) ? drawFlip(random) : 'none',
    };
    const [start, end] = [b * voxels * channels, (b + 1) * voxels * channels];
    turn(patches.image, image, start, plane, move);
    turn(patches.label, label, b * voxels, map, move);
    normaliseRange(image, start, end, channels);
    scaleRange(image, start, end, random.uniform(0.75, 1.25));
  }
  return { image, label, shape: patches.shape };
}

/**
 * The strong view of unlabelled patches, pseudo-labels and confidences with it: rescale, CutMix, intensity, turn, min-max.
 * Images may come in any scale; they are normalised first, so that pasted boxes and noise are of the same measure.
 */
export function augmentUnlabelled(patches: PseudoLabelled, random: Random): PseudoLabelled {
  const layout = layoutOf(patches.image, patches.shape);
  const normalised: PseudoLabelled = { ...patches, image: normalisePatches(patches).image };
  const mixed = cutMix(rescaled(normalised, layout, random), layout, random);
  const { voxels, channels } = layout;
  for (let b = 0; b < layout.patches; b++) {
    const [start, end] = [b * voxels * channels, (b + 1) * voxels * channels];
    if (random.chance(0.8)) scaleRange(mixed.image, start, end, random.uniform(0.75, 1.25));
    if (random.chance(0.5)) addNoise(mixed.image, start, end, 0.1, random);
  }
  const turned = turnedPatches(mixed, layout, random);
  for (let b = 0; b < layout.patches; b++) {
    normaliseRange(turned.image, b * voxels * channels, (b + 1) * voxels * channels, channels);
  }
  return turned;
}

function emptyLike({ image, label, confidence, shape }: PseudoLabelled): PseudoLabelled {
  return {
    image: new Float32Array(image.length),
    label: new Int32Array(label.length),
    confidence: new Float32Array(confidence.length),
    shape,
  };
}

/** Each patch by its own factor, 0.5 to 1.5. */
function rescaled(patches: PseudoLabelled, { patches: count, voxels, channels, image, map }: Layout, random: Random) {
  const out = emptyLike(patches);
  for (let b = 0; b < count; b++) {
    const scale = random.uniform(0.5, 1.5);
    rescaleImage(patches.image, out.image, b * voxels * channels, rescaleBy(scale, image));
    const nearest = rescaleBy(scale, map);
    rescaleNearest(patches.label, out.label, b * voxels, nearest, IGNORED);
    rescaleNearest(patches.confidence, out.confidence, b * voxels, nearest, 0);
  }
  return out;
}

/** Each patch gets a box, of area 1 - Beta(4, 4), of the next one in the batch. */
function cutMix(patches: PseudoLabelled, { patches: count, voxels, channels, image, map }: Layout, random: Random) {
  if (count < 2) return patches;
  const out: PseudoLabelled = {
    image: patches.image.slice(),
    label: patches.label.slice(),
    confidence: patches.confidence.slice(),
    shape: patches.shape,
  };
  for (let b = 0; b < count; b++) {
    const box = drawBox(map.height, map.width, 1 - random.beta(4, 4), random);
    const [from, to] = [((b + 1) % count) * voxels, b * voxels];
    pasteBox(patches.image, from * channels, out.image, to * channels, image, box);
    pasteBox(patches.label, from, out.label, to, map, box);
    pasteBox(patches.confidence, from, out.confidence, to, map, box);
  }
  return out;
}

/** A turn with probability 1/2, and a flip with probability 1/2. */
function turnedPatches(
  patches: PseudoLabelled,
  { patches: count, voxels, channels, image, map }: Layout,
  random: Random,
) {
  const out = emptyLike(patches);
  for (let b = 0; b < count; b++) {
    const move: Turn = {
      turns: random.chance(0.5) ? drawTurn(map.height, map.width, random) : 0,
      flip: random.chance(0.5) ? drawFlip(random) : 'none',
    };
    turn(patches.image, out.image, b * voxels * channels, image, move);
    turn(patches.label, out.label, b * voxels, map, move);
    turn(patches.confidence, out.confidence, b * voxels, map, move);
  }
  return out;
}
