import { initialModel, ModelSettings, Random, type NamedTensors } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openDoubleOps } from '../engine/double-ops.js';
import { openEngine } from '../engine/open-engine.js';
import type { Tensor } from '../engine/tensor.js';
import { GradientInversion } from './gradient-inversion.js';
import { Network } from './network.js';

const EDGE = 16;
const SHAPE = [1, EDGE, EDGE, EDGE] as const;
const modelOf = (backbone: 'vnet' | 'unet3d', width: number) =>
  ModelSettings.parse({ backbone, width, prototypes: 3, classes: 2, patch: [EDGE, EDGE, EDGE] });

/** A bright ball in a darker box that grows brighter along one side. */
function ball() {
  const image = new Float32Array(EDGE ** 3);
  const label = new Int32Array(EDGE ** 3);
  for (let i = 0; i < image.length; i++) {
    const [x, y, z] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    label[i] = (x - 6) ** 2 + (y - 9) ** 2 + (z - 8) ** 2 < 20 ? 1 : 0;
    image[i] = 0.2 + 0.5 * label[i] + 0.25 * (x / EDGE);
  }
  return { image, label, shape: SHAPE };
}

const double = openDoubleOps();

describe.skipIf(double === null).each(['vnet', 'unet3d'] as const)('the gradient of %s by its image', (backbone) => {
  it('is its numeric derivative (float64)', () => {
    const ops = double!;
    const before = ops.tensorCount();
    const network = Network.load(ops, modelOf(backbone, 2), initialModel(modelOf(backbone, 2), 3));
    const random = Random.from(6);
    // No two voxels alike: a maximum that two share has two derivatives.
    const image = ball().image.map((value) => value + 0.05 * random.uniform());
    const slope = Float32Array.from({ length: 2 * image.length }, (_, i) => Math.sin(1 + i * 1.7));
    const lossAt = (values: Float32Array, onImageGradient?: (gradient: Tensor) => void): number => {
      const pass = { statistics: 'batch', gradient: true, onImageGradient } as const;
      const input = ops.fromHost(values, [...SHAPE, 1]);
      const forwarded = network.forward(input, pass, { relationshipGradient: false });
      const logits = ops.toHost(forwarded.logits);
      const nothing = ops.mul(forwarded.representation!, 0);
      ops.dispose(forwarded.logits, forwarded.relationship, forwarded.representation!);
      const gradient = ops.fromHost(slope, [...SHAPE, 2]);
      forwarded.backward({ logits: gradient, representation: nothing, relationship: null });
      return slope.reduce((sum, factor, i) => sum + factor * logits[i], 0);
    };
    let got = new Float32Array();
    lossAt(image, (gradient) => (got = Float32Array.from(ops.toHost(gradient))));
    expect(got).toHaveLength(image.length);
    const length = Math.sqrt(got.reduce((sum, value) => sum + value * value, 0));
    const at = (step: number) => lossAt(image.map((value, i) => value + (step * got[i]) / length));
    const step = 1e-4;
    expect((at(step) - at(-step)) / (2 * step) / length).toBeCloseTo(1, 1);
    network.dispose();
    expect(ops.tensorCount()).toBe(before);
  });
});

const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));

describe('inverting a gradient', () => {
  it('explains that of an image better and better, and one that tells nothing less', { timeout: 60_000 }, () => {
    const before = ops.tensorCount();
    const inversion = new GradientInversion(ops, modelOf('unet3d', 4), initialModel(modelOf('unet3d', 4), 3));
    const patch = ball();
    const gradient = inversion.gradientOf(patch);
    const random = Random.from(4);
    const shuffled: NamedTensors = new Map(
      [...gradient].map(([name, { shape, data }]) => {
        const values = Float32Array.from(random.shuffle([...(data as Float32Array)]));
        return [name, { dtype: 'float32', shape, data: values }];
      }),
    );
    expect(inversion.mismatch(patch, gradient).cosine).toBeCloseTo(1, 4);
    const search = (target: NamedTensors) => {
      const cosines: number[] = [];
      const steps = inversion.search(target, patch, 30, Random.from(5));
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) cosines.push(step.value.cosine);
      return cosines;
    };
    const own = search(gradient);
    expect(own.at(-1)!).toBeGreaterThan(own[0] + 0.1);
    expect(own.at(-1)!).toBeGreaterThan(search(shuffled).at(-1)! + 0.1);
    inversion.dispose();
    expect(ops.tensorCount()).toBe(before);
  });
});
