import { readFile } from 'node:fs/promises';
import { decodeContainer, modelTensors, type ModelSettings } from '@consilium/shared';
import { strideOf, type PredictedRows } from '../crln/inference-windows.js';
import { Network, predictRows, predictVolume, type InferenceOptions } from '../crln/index.js';
import { NodeFailure } from '../settings/failure.js';
import { times, type Case } from '../volumes/index.js';
import type { TrainerOptions } from './messages.js';
import type { Workshop } from './workshop.js';

type Watching = Pick<InferenceOptions, 'signal' | 'onProgress'>;

/** A model on the engine, ready for volumes on the study's spacing. */
export class Predictor {
  private constructor(
    private readonly network: Network,
    private readonly options: InferenceOptions,
  ) {}

  static async open(workshop: Workshop, settings: ModelSettings, path: string): Promise<Predictor> {
    const { inference } = workshop.options;
    const options = { ...inference, stride: strideFor(settings, inference) };
    const { ops } = await workshop.engine();
    const { tensors } = decodeContainer(await readFile(path));
    const missing = modelTensors(settings).find(({ name }) => !tensors.has(name));
    if (missing !== undefined) {
      throw new NodeFailure('usage', `model ${path}: expected the study's tensors, found no ${missing.name}`);
    }
    return new Predictor(Network.load(ops, settings, tensors), options);
  }

  /** Class of every voxel of the case's grid. */
  labels(one: Case, watching: Watching): Promise<Uint8Array> {
    return predictVolume(this.network, one.image, one.shape, { ...this.options, ...watching });
  }

  /** Class probabilities of the case's grid, rows as they are finished. */
  rows(one: Case, watching: Watching): AsyncIterable<PredictedRows> {
    return predictRows(this.network, one.image, one.shape, { ...this.options, ...watching });
  }

  dispose(): void {
    this.network.dispose();
  }
}

function strideFor({ patch }: ModelSettings, { stride, overlap }: TrainerOptions['inference']) {
  if (stride === null) return strideOf(patch, overlap);
  if (stride.every((step, axis) => step <= patch[axis])) return stride;
  throw new NodeFailure('usage', `stride: expected at most the study's patch, ${times(patch)}, got ${times(stride)}`);
}
