import { initialModel, ModelSettings, Random } from '@consilium/shared';
import { expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { predictRows, predictVolume } from './inference.js';
import { cornersAlong, windowWeights } from './inference-windows.js';
import { Network } from './network.js';

const settings = ModelSettings.parse({ width: 2, prototypes: 2, classes: 3, patch: [16, 16, 16] });
const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));

function noise(count: number): Float32Array {
  const random = Random.from(1, 'image');
  return Float32Array.from({ length: count }, () => random.normal());
}

async function withNetwork(body: (network: Network) => Promise<void>): Promise<void> {
  const before = ops.tensorCount();
  const network = Network.load(ops, settings, initialModel(settings, 3));
  await body(network);
  network.dispose();
  expect(ops.tensorCount()).toBe(before);
}

it('covers an axis with windows that end with the volume', () => {
  expect(cornersAlong(40, 16, 8)).toEqual([0, 8, 16, 24]);
  expect(cornersAlong(37, 16, 8)).toEqual([0, 8, 16, 21]);
  expect(cornersAlong(16, 16, 8)).toEqual([0]);
  expect(cornersAlong(13, 16, 8)).toEqual([-1]);
});

it('weighs the middle of a window most', () => {
  const weights = windowWeights([4, 4, 4], 'gaussian');
  expect(weights[21]).toBe(Math.max(...weights));
  expect(weights[0]).toBeGreaterThan(0);
  expect(weights[0]).toBe(weights[63]);
});

it.each(['uniform', 'gaussian'] as const)('gives each voxel probabilities that sum to 1, %s weights', (weighting) =>
  withNetwork(async (network) => {
    const shape = [37, 20, 11] as const;
    let next = 0;
    for await (const { begin, rows, probability } of predictRows(network, noise(37 * 20 * 11), shape, { weighting })) {
      expect(begin).toBe(next);
      next += rows;
      expect(probability.length).toBe(rows * 20 * 11 * 3);
      for (let i = 0; i < probability.length; i += 3) {
        expect(Math.abs(probability[i] + probability[i + 1] + probability[i + 2] - 1)).toBeLessThan(1e-5);
      }
    }
    expect(next).toBe(37);
  }),
);

it('does not depend on how many windows go together, nor on the scale of the image', () =>
  withNetwork(async (network) => {
    const shape = [24, 24, 24] as const;
    const image = noise(24 ** 3);
    const one = await predictVolume(network, image, shape, { batch: 1 });
    expect(new Set(one).size).toBeGreaterThan(1);
    expect(await predictVolume(network, image, shape, { batch: 3 })).toEqual(one);
    const scaled = await predictVolume(
      network,
      image.map((value) => 64 * value + 32),
      shape,
    );
    expect(scaled.filter((c, i) => c !== one[i]).length / one.length).toBeLessThan(0.001);
  }));

it('stops at the signal', () =>
  withNetwork(async (network) => {
    const prediction = predictVolume(network, noise(32 ** 3), [32, 32, 32], { signal: AbortSignal.abort() });
    await expect(prediction).rejects.toThrow();
  }));
