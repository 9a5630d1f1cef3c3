import { setImmediate as nextTurn } from 'node:timers/promises';
import { normaliseRange } from './augmentation-intensity.js';
import { Slab, strideOf, WindowGrid, type PredictedRows, type Triple, type Weighting } from './inference-windows.js';
import { EVALUATION } from './layers/layer.js';
import type { Network } from './network.js';

export interface InferenceOptions {
  /** Voxels between neighbouring windows, at most the patch; the default is half a patch. Published: 18 x 18 x 4. */
  readonly stride?: Triple;
  /** Windows that go through the network together. */
  readonly batch?: number;
  /** Whether the middle of a window counts for more than its rim. */
  readonly weighting?: Weighting;
  /** At most so many rows are given at a time; of effect on memory alone. */
  readonly slabRows?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((windowsDone: number, windows: number) => void) | undefined;
}

/**
 * Sliding-window inference with rectified logits and running batch-norm moments. image [h, w, d, channels] in any scale:
 * each window is min-max normalised, as in training; a volume smaller than the patch is padded with its minimum.
 * Gives rows in order as they are finished, so that at most a patch's height of probabilities is held. Every window is
 * predicted: also where an image is constant, prototypes and biases say something.
 */
export async function* predictRows(
  network: Network,
  image: Float32Array,
  shape: Triple,
  options: InferenceOptions = {},
): AsyncGenerator<PredictedRows> {
  const { patch, classes, channels } = network.settings;
  const {
    stride = strideOf(patch, 0.5),
    batch = 1,
    weighting = 'uniform',
    slabRows = 16,
    signal,
    onProgress,
  } = options;
  const grid = new WindowGrid(shape, patch, stride, weighting);
  const slab = new Slab(grid, classes);
  const padding = lowest(image);
  const voxels = patch[0] * patch[1] * patch[2];
  for (let first = 0; first < grid.corners.length; first += batch) {
    await nextTurn();
    signal?.throwIfAborted();
    const corners = grid.corners.slice(first, first + batch);
    const windows = new Float32Array(corners.length * voxels * channels);
    for (const [i, corner] of corners.entries()) {
      const [begin, end] = [i * voxels * channels, (i + 1) * voxels * channels];
      grid.cut(image, channels, corner, padding, windows, begin);
      normaliseRange(windows, begin, end, channels);
    }
    const probability = windowProbabilities(network, windows, corners.length);
    for (const [i, corner] of corners.entries()) {
      yield* slab.finish(corner[0], slabRows);
      slab.add(probability, i * voxels * classes, corner);
    }
    onProgress?.(first + corners.length, grid.corners.length);
  }
  yield* slab.finish(shape[0], slabRows);
}

/** The most probable class of every voxel [h, w, d]; the first of equals. */
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

/** windows [n, patch, channels], normalised -> probabilities [n, patch, C] */
function windowProbabilities(network: Network, windows: Float32Array, n: number): Float32Array {
  const { ops, settings } = network;
  const input = ops.fromHost(windows, [n, ...settings.patch, settings.channels]);
  const { logits, relationship } = network.forward(input, EVALUATION);
  const probability = ops.tidy(() => ops.toHost(ops.softmax(network.rectify(logits, relationship))) as Float32Array);
  ops.dispose(logits, relationship);
  return probability;
}

function lowest(values: Float32Array): number {
  let minimum = Infinity;
  for (const value of values) if (value < minimum) minimum = value;
  return minimum;
}
