import { initialModel, ModelSettings, Random } from '@consilium/shared';
import { expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { normalisePatches } from './augmentation.js';
import { predictRows, predictVolume, type InferenceOptions } from './inference.js';
import { cornersAlong, weightsAlong, type Triple } from './inference-windows.js';
import { EVALUATION } from './layers/layer.js';
import { Network } from './network.js';

const settings = ModelSettings.parse({ width: 2, prototypes: 2, classes: 3, patch: [16, 16, 16] });
const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
const SHAPE: Triple = [29, 20, 11];

function noise(shape: Triple): Float32Array {
  const random = Random.from(1, 'image');
  return Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.normal());
}

async function withNetwork(body: (network: Network) => Promise<void>): Promise<void> {
  const before = ops.tensorCount();
  const network = Network.load(ops, settings, initialModel(settings, 3));
  await body(network);
  network.dispose();
  expect(ops.tensorCount()).toBe(before);
}

/** All rows of a prediction, which come in order and without a gap. */
async function streamed(network: Network, image: Float32Array, shape: Triple, options: InferenceOptions) {
  const all = new Float32Array(image.length * settings.classes);
  let next = 0;
  for await (const { begin, rows, probability } of predictRows(network, image, shape, options)) {
    expect(begin).toBe(next);
    all.set(probability, begin * (all.length / shape[0]));
    next += rows;
  }
  expect(next).toBe(shape[0]);
  return all;
}

/** The same by definition, a window at a time over the whole volume: cut with padding, normalise, predict, weigh, add, divide. */
function whole(
  network: Network,
  image: Float32Array,
  shape: Triple,
  stride: Triple,
  weighting: 'uniform' | 'gaussian',
) {
  const [sums, weights] = [new Float64Array(image.length * 3), new Float64Array(image.length)];
  const [xs, ys, zs] = [0, 1, 2].map((axis) => cornersAlong(shape[axis], 16, stride[axis]));
  const along = weightsAlong(16, weighting);
  const padding = Math.min(...image);
  for (const [x, y, z] of xs.flatMap((a) => ys.flatMap((b) => zs.map((c) => [a, b, c] as const)))) {
    const place = (at: number): number => {
      const [i, j, k] = [x + (at >> 8), y + ((at >> 4) & 15), z + (at & 15)];
      const inside = i >= 0 && j >= 0 && k >= 0 && i < shape[0] && j < shape[1] && k < shape[2];
      return inside ? (i * shape[1] + j) * shape[2] + k : -1;
    };
    const window = Float32Array.from({ length: 4096 }, (_, at) => (place(at) < 0 ? padding : image[place(at)]));
    const { image: scaled } = normalisePatches({ image: window, shape: [1, 16, 16, 16] });
    const probability = ops.tidy(() => {
      const { logits, relationship } = network.forward(ops.fromHost(scaled, [1, 16, 16, 16, 1]), EVALUATION);
      return ops.toHost(ops.softmax(network.rectify(logits, relationship)));
    });
    for (let at = 0; at < 4096; at++) {
      if (place(at) < 0) continue;
      const weight = along[at >> 8] * along[(at >> 4) & 15] * along[at & 15];
      weights[place(at)] += weight;
      for (let c = 0; c < 3; c++) sums[place(at) * 3 + c] += weight * probability[at * 3 + c];
    }
  }
  return sums.map((sum, i) => sum / weights[Math.floor(i / 3)]);
}

function largestDifference(ours: Float32Array, theirs: ArrayLike<number>): number {
  return ours.reduce((largest, value, i) => Math.max(largest, Math.abs(value - theirs[i])), 0);
}

it.each(['uniform', 'gaussian'] as const)('gives what the whole volume at once gives, %s weights', (weighting) =>
  withNetwork(async (network) => {
    const image = noise(SHAPE);
    const stride: Triple = [7, 16, 5];
    const expected = whole(network, image, SHAPE, stride, weighting);
    const reference = await streamed(network, image, SHAPE, { weighting, stride });
    expect(largestDifference(reference, expected)).toBeLessThan(1e-5);
    expect(reference.some((value, i) => Math.abs(value - reference[i % 3]) > 1e-3)).toBe(true);
    // How many rows are given at a time does not touch the arithmetic; how many windows go together may round otherwise.
    expect(await streamed(network, image, SHAPE, { weighting, stride, slabRows: 1 })).toEqual(reference);
    expect(await streamed(network, image, SHAPE, { weighting, stride, slabRows: 100 })).toEqual(reference);
    for (const batch of [2, 5]) {
      const batched = await streamed(network, image, SHAPE, { weighting, stride, batch });
      expect(largestDifference(batched, reference)).toBeLessThan(1e-5);
    }
  }),
);

it('does not depend on the scale of the image, and counts windows', () =>
  withNetwork(async (network) => {
    const shape: Triple = [24, 24, 24];
    const image = noise(shape);
    const one = await predictVolume(network, image, shape);
    expect(new Set(one).size).toBeGreaterThan(1);
    const progress: number[][] = [];
    const scaled = await predictVolume(
      network,
      image.map((value) => 64 * value + 32),
      shape,
      { batch: 3, onProgress: (done, total) => progress.push([done, total]) },
    );
    expect(scaled.filter((c, i) => c !== one[i]).length / one.length).toBeLessThan(0.001);
    expect(progress).toEqual([
      [3, 8],
      [6, 8],
      [8, 8],
    ]);
  }));

it('stops at the signal', () =>
  withNetwork(async (network) => {
    const prediction = predictVolume(network, noise([32, 32, 32]), [32, 32, 32], { signal: AbortSignal.abort() });
    await expect(prediction).rejects.toThrow();
  }));
