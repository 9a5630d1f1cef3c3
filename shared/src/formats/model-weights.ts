import { modelTensors } from '../model/model-tensors.js';
import type { ModelSettings } from '../protocol/study.js';
import { ContainerError, quoted } from '../tensors/container-error.js';
import type { NamedTensors } from '../tensors/host-tensor.js';

export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a model by their names, layouts as `modelTensors` says. */
export type ModelWeights = (name: string) => Weight;

/** Throws ContainerError where `tensors` are not those of a model with these settings. */
export function modelWeights(settings: ModelSettings, tensors: NamedTensors): ModelWeights {
  const weights = new Map<string, Weight>();
  for (const { name, shape } of modelTensors(settings)) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      throw new ContainerError('tensor-missing', `Model: expected the study's tensors, found no ${quoted(name)}.`);
    }
    if (tensor.dtype !== 'float32') {
      throw new ContainerError('wrong-dtype', `Tensor ${quoted(name)}: expected float32, got ${tensor.dtype}.`);
    }
    if (tensor.shape.join() !== shape.join()) {
      const got = `got [${tensor.shape.join(', ')}]`;
      throw new ContainerError('wrong-shape', `Tensor ${quoted(name)}: expected [${shape.join(', ')}], ${got}.`);
    }
    weights.set(name, tensor);
  }
  return (name) => {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`export: expected a tensor of the model, got ${name}`);
    return weight;
  };
}
