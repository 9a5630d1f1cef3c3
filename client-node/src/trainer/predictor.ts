import { readFile } from 'node:fs/promises';
import { decodeContainer, modelTensors, type ModelSettings } from '@consilium/shared';
import { Network, predictRows, predictVolume, type InferenceOptions } from '../crln/index.js';
import { NodeFailure } from '../settings/failure.js';
import type { Case, StudySegmentation } from '../volumes/index.js';
import { voxelCount } from '../volumes/index.js';
import type { Workshop } from './workshop.js';

/** Above this a volume's probabilities are not held at once, and a prediction has the study grid's borders. */
const MOST_PROBABILITY_BYTES = 2 ** 30;

/** A model on the engine, ready for volumes on the study's spacing. */
export class Predictor {
  private constructor(
    private readonly network: Network,
    private readonly settings: ModelSettings,
    private readonly options: InferenceOptions,
  ) {}

  static async open(workshop: Workshop, settings: ModelSettings, path: string): Promise<Predictor> {
    const { ops } = await workshop.engine();
    const { tensors } = decodeContainer(await readFile(path));
    const missing = modelTensors(settings).find(({ name }) => !tensors.has(name));
    if (missing !== undefined) {
      throw new NodeFailure('usage', `model ${path}: expected the study's tensors, found no ${missing.name}`);
    }
    const share = 1 - workshop.options.overlap;
    const stride = settings.patch.map((side) => Math.max(1, Math.round(side * share))) as [number, number, number];
    return new Predictor(Network.load(ops, settings, tensors), settings, { stride });
  }

  /** Class of every voxel of the case's grid. */
  labels(one: Case, signal: AbortSignal): Promise<Uint8Array> {
    return predictVolume(this.network, one.image, one.shape, { ...this.options, signal });
  }

  /** For the image's own grid: probabilities where there is room for them, since they give smoother borders. */
  async segmentation(one: Case, signal: AbortSignal): Promise<StudySegmentation> {
    const { shape, spacing } = one;
    const { classes } = this.settings;
    const values = voxelCount(shape) * classes;
    if (values * Float32Array.BYTES_PER_ELEMENT > MOST_PROBABILITY_BYTES) {
      return { shape, spacing, label: await this.labels(one, signal) };
    }
    const probabilities = new Float32Array(values);
    const row = values / shape[0];
    for await (const { begin, rows, probability } of predictRows(this.network, one.image, shape, {
      ...this.options,
      signal,
    })) {
      probabilities.set(probability.subarray(0, rows * row), begin * row);
    }
    return { shape, spacing, classes, probabilities };
  }

  dispose(): void {
    this.network.weights.dispose();
  }
}
