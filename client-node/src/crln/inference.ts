import { setImmediate as nextTurn } from 'node:timers/promises';
import { normalisePatches } from './augmentation.js';
import { cornersAlong, cutWindow, Slab, windowWeights } from './inference-windows.js';
import { EVALUATION } from './layers/layer.js';
import type { Network } from './network.js';

type Triple = readonly [number, number, number];

export interface InferenceOptions {
  /** Voxels between neighbouring windows; the default is half a patch. */
  readonly stride?: Triple;
  /** Windows that go through the network together. */
  readonly batch?: number;
  /** Whether the middle of a window counts for more than its rim. */
  readonly weighting?: 'uniform' | 'gaussian';
  readonly signal?: AbortSignal;
  readonly onProgress?: (windowsDone: number, windows: number) => void;
}

/** Finished rows of a prediction: mean probabilities over windows [rows, w, d, C] from row `begin` of the volume on. */
export interface PredictedRows {
  readonly begin: number;
  readonly rows: number;
  readonly probability: Float32Array;
}

/**
 * Sliding-window inference with rectified logits and running batch-norm moments. image [h, w, d, channels] in any scale:
 * each window is min-max normalised, as in training; a volume smaller than the patch is padded with its minimum.
 * Gives rows as they are finished, so that at most a patch's height of probabilities is held.
 */
export async function* predictRows(
  network: Network,
  image: Float32Array,
  shape: Triple,
  options: InferenceOptions = {},
): AsyncGenerator<PredictedRows> {
  const { patch, classes, channels } = network.settings;
  const half = patch.map((side) => side / 2) as [number, number, number];
  const { stride = half, batch = 2, weighting = 'uniform', signal, onProgress } = options;
  const axes = patch.map((side, axis) => cornersAlong(shape[axis], side, stride[axis]));
  const [xs, ys, zs] = axes as [number[], number[], number[]];
  const columns = ys.flatMap((y) => zs.map((z) => [y, z] as const));
  const weights = windowWeights(patch, weighting);
  const padding = image.reduce((lowest, value) => Math.min(lowest, value), Infinity);
  const slab = new Slab(Math.min(patch[0], shape[0]), shape, classes);
  const voxels = patch[0] * patch[1] * patch[2];
  let done = 0;
  for (const [row, x] of xs.entries()) {
    for (let first = 0; first < columns.length; first += batch) {
      await nextTurn();
      signal?.throwIfAborted();
      const corners = columns.slice(first, first + batch).map(([y, z]) => [x, y, z] as const);
      const windows = new Float32Array(corners.length * voxels * channels);
      corners.forEach((corner, i) => {
        cutWindow(image, shape, channels, corner, patch, padding, windows, i * voxels * channels);
      });
      const probability = windowProbabilities(network, windows, corners.length);
      corners.forEach((corner, i) => {
        slab.add(probability, i * voxels * classes, corner, patch, weights);
      });
      done += corners.length;
      onProgress?.(done, xs.length * columns.length);
    }
    const begin = Math.max(0, x);
    const end = Math.max(xs[row + 1] ?? shape[0], 0);
    yield { begin, rows: end - begin, probability: slab.finish(end) };
  }
}

/** The most probable class of every voxel [h, w, d]. */
export async function predictVolume(
  network: Network,
  image: Float32Array,
  shape: Triple,
  options: InferenceOptions = {},
): Promise<Uint8Array> {
  const { classes } = network.settings;
  const plane = shape[1] * shape[2];
  const label = new Uint8Array(shape[0] * plane);
  for await (const { begin, rows, probability } of predictRows(network, image, shape, options)) {
    for (let voxel = 0; voxel < rows * plane; voxel++) {
      let best = 0;
      for (let c = 1; c < classes; c++) {
        if (probability[voxel * classes + c] > probability[voxel * classes + best]) best = c;
      }
      label[begin * plane + voxel] = best;
    }
  }
  return label;
}

/** windows [n, patch, channels] in any scale -> probabilities [n, patch, C] */
function windowProbabilities(network: Network, windows: Float32Array, n: number): Float32Array {
  const { ops, settings } = network;
  const shape = [n, ...settings.patch] as [number, number, number, number];
  const { image } = normalisePatches({ image: windows, shape });
  const input = ops.fromHost(image, [...shape, settings.channels]);
  const { logits, relationship } = network.forward(input, EVALUATION);
  const probability = ops.tidy(() => ops.toHost(ops.softmax(network.rectify(logits, relationship))) as Float32Array);
  ops.dispose(logits, relationship);
  return probability;
}
