import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeContainer,
  encodeContainer,
  initialModel,
  modelTensors,
  Random,
  StudyManifest,
  type NamedTensors,
} from '@consilium/shared';
import { EXPORT_FORMATS, exportedModel, type ExportFormat } from '@consilium/shared/formats';
import * as ort from 'onnxruntime-web';
import { afterAll, describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { drawPhantom, scannerLook } from '../volumes/phantom.js';
import { predictRows } from './inference.js';
import { Network } from './network.js';

const { ops, description } = await openEngine(engineSettings({}, { device: 'cpu' }));
ort.env.wasm.numThreads = 1;
const folder = mkdtempSync(join(tmpdir(), 'consilium-exported-'));
afterAll(() => rmSync(folder, { recursive: true }));

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

/** Probabilities [n, x, y, z, C] of windows [n, x, y, z, channels]. */
type Runtime = (model: Exported, image: Float32Array, n: number, channels: number) => Promise<Float32Array>;
type Exported = ReturnType<typeof exportedModel>;

const byOnnxRuntime: Runtime = async (model, image, n, channels) => {
  const session = await ort.InferenceSession.create(bytesOf(model));
  expect([session.inputNames, session.outputNames]).toEqual([['image'], ['probabilities']]);
  const feed = new ort.Tensor('float32', moved(image, n, VOXELS, channels, 'first'), [n, channels, ...PATCH]);
  const { probabilities } = await session.run({ image: feed });
  expect(probabilities.dims).toEqual([n, CLASSES, ...PATCH]);
  const values = moved(probabilities.data as Float32Array, n, VOXELS, CLASSES, 'last');
  await session.release();
  return values;
};

/** What is used here of tfjs-node, which loads models into the library that the node trains with. */
interface TensorFlow {
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  node: { loadSavedModel(path: string): Promise<SavedModel> };
}
interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface SavedModel {
  predict(inputs: Record<string, TfTensor>): Record<string, TfTensor>;
  dispose(): void;
}

let models = 0;

const byTensorFlow: Runtime = async (model, image, n, channels) => {
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as TensorFlow;
  const path = join(folder, `model-${(models += 1)}`);
  mkdirSync(path);
  writeFileSync(join(path, 'saved_model.pb'), bytesOf(model));
  const loaded = await tf.node.loadSavedModel(path);
  const feed = tf.tensor(image, [n, ...PATCH, channels]);
  const { probabilities } = loaded.predict({ image: feed });
  expect(probabilities.shape).toEqual([n, ...PATCH, CLASSES]);
  const values = await probabilities.data();
  feed.dispose();
  probabilities.dispose();
  loaded.dispose();
  return values;
};

const RUNTIMES: Record<ExportFormat, Runtime> = { onnx: byOnnxRuntime, 'saved-model': byTensorFlow };

function bytesOf(model: Exported): Uint8Array {
  return Buffer.concat('file' in model ? model.file : model.folder.get('saved_model.pb')!);
}

const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);

const cases = EXPORT_FORMATS.flatMap((format) => [
  { format, backbone: 'vnet', channels: 1 } as const,
  { format, backbone: 'unet3d', channels: 2 } as const,
]);

describe.each(cases)('$backbone with $channels channels as $format', ({ format, backbone, channels }) => {
  const study = studyOf(backbone, channels);
  const tensors = trained(study);
  const image = windows(channels);
  const exported = (from: NamedTensors): Exported => exportedModel(format, study, from, 'a'.repeat(64));
  const run = RUNTIMES[format];
  const runs = it.skipIf(format === 'saved-model' && description.tensorflow === null);

  runs('gives in another runtime what our engine gives, for several windows', { timeout: 300_000 }, async () => {
    const theirs = await run(exported(tensors), image, 2, channels);
    for (const sample of [0, 1]) {
      const window = image.slice(sample * VOXELS * channels, (sample + 1) * VOXELS * channels);
      const expected = await ours(study, tensors, window);
      const got = theirs.subarray(sample * VOXELS * CLASSES, (sample + 1) * VOXELS * CLASSES);
      expect(difference(expected, got)).toBeLessThan(1e-4);
      // Such figures say something of the network: they differ from voxel to voxel.
      expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.3);
    }
  });

  runs('reads the prototypes, and leaves out what only training reads', { timeout: 300_000 }, async () => {
    const without = new Map(tensors);
    for (const { name, shape, kind } of modelTensors(study.model)) {
      const isForTraining = kind === 'prior' || name.includes('.represent.');
      if (isForTraining) without.set(name, { dtype: 'float32', shape: [...shape], data: size(shape).fill(7) });
    }
    expect(Buffer.compare(bytesOf(exported(without)), bytesOf(exported(tensors)))).toBe(0);

    const { shape, data } = tensors.get('prototypes')!;
    const others = new Map(tensors).set('prototypes', {
      dtype: 'float32',
      shape,
      data: Float32Array.from(data as Float32Array).reverse(),
    });
    const window = image.slice(0, VOXELS * channels);
    const one = await run(exported(tensors), window, 1, channels);
    expect(difference(one, await run(exported(others), window, 1, channels))).toBeGreaterThan(1e-3);
  });

  it('is the same model after a round trip as safetensors', () => {
    const again = decodeContainer(encodeContainer(tensors)).tensors;
    expect(Buffer.compare(bytesOf(exported(tensors)), bytesOf(exported(again)))).toBe(0);
  });
});

function size(shape: readonly number[]): Float32Array {
  return new Float32Array(shape.reduce((product, side) => product * side, 1));
}
