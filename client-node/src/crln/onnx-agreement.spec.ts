import {
  decodeContainer,
  encodeContainer,
  initialModel,
  modelTensors,
  Random,
  StudyManifest,
  type NamedTensors,
} from '@consilium/shared';
import { onnxModel } from '@consilium/shared/formats';
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { drawPhantom, scannerLook } from '../volumes/phantom.js';
import { predictRows } from './inference.js';
import { Network } from './network.js';

const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
ort.env.wasm.numThreads = 1;

const CLASSES = 3;
const PATCH = [32, 16, 48] as const;
const VOXELS = PATCH[0] * PATCH[1] * PATCH[2];

const studyOf = (backbone: 'vnet' | 'unet3d', channels = 1): StudyManifest =>
  StudyManifest.parse({
    name: 'left atrium',
    classNames: ['background', 'atrium', 'appendage'],
    model: { backbone, channels, classes: CLASSES, width: 4, prototypes: 3, patch: [...PATCH] },
    spacing: [1, 0.5, 2],
  });

/** Weights as after training: no statistic, norm, bias or prototype is what it begins with. */
function trained(study: StudyManifest): NamedTensors {
  const tensors = initialModel(study.model, 5);
  for (const { name, kind } of modelTensors(study.model)) {
    const random = Random.from(9, name);
    const { data } = tensors.get(name)!;
    const draw = (): number => {
      if (name.endsWith('running_var')) return random.uniform(0.3, 2);
      if (name.endsWith('norm.weight')) return random.uniform(0.5, 1.5);
      return kind === 'scalar' ? 0.3 : 0.3 * random.normal();
    };
    const isKernel = name.endsWith('.weight') && !name.endsWith('norm.weight');
    // The last kernels are made smaller, so that probabilities are not all but 0 or 1, where any logit would do.
    const isLast = /segment|upsample/.test(name);
    data.forEach((value, i) => (data[i] = isKernel ? Number(value) * (isLast ? 0.25 : 1) : draw()));
  }
  return tensors;
}

/** Two windows of phantoms in the scale of a scanner [2, x, y, z, channels]. */
function windows(channels: number): Float32Array {
  const drawn = Array.from({ length: 2 * channels }, (_, i) => {
    const random = Random.from(2, 'window', i);
    return drawPhantom([...PATCH], CLASSES, scannerLook(random), random).image;
  });
  const image = new Float32Array(2 * VOXELS * channels);
  drawn.forEach((one, i) => one.forEach((value, voxel) => (image[placeOf(i, voxel, channels)] = 300 * value - 100)));
  return image;
}

/** Of channel i % channels in window i / channels. */
const placeOf = (i: number, voxel: number, channels: number): number =>
  (Math.floor(i / channels) * VOXELS + voxel) * channels + (i % channels);

/** Probabilities [x, y, z, C] of a volume that is one window. */
async function ours(study: StudyManifest, tensors: NamedTensors, window: Float32Array): Promise<Float32Array> {
  const network = Network.load(ops, study.model, tensors);
  const rows: Float32Array[] = [];
  for await (const { probability } of predictRows(network, window, PATCH, { slabRows: PATCH[0] }))
    rows.push(probability);
  network.dispose();
  expect(rows).toHaveLength(1);
  return rows[0];
}

/** [n, sizes, last] -> [n, last, sizes], or back. */
function moved(values: Float32Array, n: number, voxels: number, channels: number, to: 'first' | 'last'): Float32Array {
  const out = new Float32Array(values.length);
  for (let sample = 0; sample < n; sample++)
    for (let voxel = 0; voxel < voxels; voxel++)
      for (let c = 0; c < channels; c++) {
        const first = (sample * channels + c) * voxels + voxel;
        const last = (sample * voxels + voxel) * channels + c;
        if (to === 'first') out[first] = values[last];
        else out[last] = values[first];
      }
  return out;
}

async function byRuntime(bytes: Uint8Array, image: Float32Array, n: number, channels: number): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes);
  expect([session.inputNames, session.outputNames]).toEqual([['image'], ['probabilities']]);
  const feed = new ort.Tensor('float32', moved(image, n, VOXELS, channels, 'first'), [n, channels, ...PATCH]);
  const { probabilities } = await session.run({ image: feed });
  expect(probabilities.dims).toEqual([n, CLASSES, ...PATCH]);
  const values = moved(probabilities.data as Float32Array, n, VOXELS, CLASSES, 'last');
  await session.release();
  return values;
}

const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);

describe.each([
  ['vnet', 1],
  ['unet3d', 2],
] as const)('%s with %i channels as ONNX', (backbone, channels) => {
  const study = studyOf(backbone, channels);
  const tensors = trained(study);
  const image = windows(channels);

  it('gives in another runtime what our engine gives, for several windows at once', { timeout: 300_000 }, async () => {
    const bytes = onnxModel(study, tensors, 'a'.repeat(64)).finish();
    const theirs = await byRuntime(bytes, image, 2, channels);
    for (const sample of [0, 1]) {
      const window = image.slice(sample * VOXELS * channels, (sample + 1) * VOXELS * channels);
      const expected = await ours(study, tensors, window);
      const got = theirs.subarray(sample * VOXELS * CLASSES, (sample + 1) * VOXELS * CLASSES);
      expect(difference(expected, got)).toBeLessThan(1e-4);
      // Such figures say something of the network: they differ from voxel to voxel.
      expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.3);
    }
  });

  it('reads the prototypes, and leaves out what only training reads', { timeout: 300_000 }, async () => {
    const without = new Map(tensors);
    for (const { name, shape, kind } of modelTensors(study.model)) {
      const isForTraining = kind === 'prior' || name.includes('.represent.');
      if (isForTraining) without.set(name, { dtype: 'float32', shape: [...shape], data: size(shape).fill(7) });
    }
    const bytes = (from: NamedTensors): Uint8Array => onnxModel(study, from, 'a'.repeat(64)).finish();
    expect(Buffer.compare(bytes(without), bytes(tensors))).toBe(0);

    const { shape, data } = tensors.get('prototypes')!;
    const others = new Map(tensors).set('prototypes', {
      dtype: 'float32',
      shape,
      data: Float32Array.from(data as Float32Array).reverse(),
    });
    const [one, two] = [
      await byRuntime(bytes(tensors), image.slice(0, VOXELS * channels), 1, channels),
      await byRuntime(bytes(others), image.slice(0, VOXELS * channels), 1, channels),
    ];
    expect(difference(one, two)).toBeGreaterThan(1e-3);
  });

  it('is the same model after a round trip as safetensors', () => {
    const again = decodeContainer(encodeContainer(tensors)).tensors;
    const bytes = [tensors, again].map((from) => onnxModel(study, from, 'a'.repeat(64)).finish());
    expect(Buffer.compare(bytes[0], bytes[1])).toBe(0);
  });
});

function size(shape: readonly number[]): Float32Array {
  return new Float32Array(shape.reduce((product, side) => product * side, 1));
}
