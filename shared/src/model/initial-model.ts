import type { ModelSettings } from '../protocol/study.js';
import { Random } from '../random/random.js';
import { elementCount, float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import { modelTensors } from './model-tensors.js';
import type { Init, TensorSpec } from './tensor-spec.js';

/** The tensors of `modelTensors`, drawn from a seed: the same on every machine, each tensor from a stream of its own. */
export function initialModel(settings: ModelSettings, seed: number): NamedTensors {
  return new Map(
    modelTensors(settings).map((spec) => [spec.name, float32Tensor(spec.shape, initialTensor(spec, seed))]),
  );
}

/** The values of one of them, for whoever does not want all of them in memory. */
export function initialTensor({ name, shape, init }: TensorSpec, seed: number): Float32Array {
  return initialValues(init, elementCount(shape), Random.from(seed, 'initial-model', name));
}

function initialValues(init: Init, count: number, random: Random): Float32Array {
  switch (init.as) {
    case 'zeros':
      return new Float32Array(count);
    case 'ones':
      return new Float32Array(count).fill(1);
    case 'he': {
      const deviation = Math.sqrt(2 / init.fanIn);
      return Float32Array.from({ length: count }, () => deviation * random.normal());
    }
    case 'uniform': {
      const bound = 1 / Math.sqrt(init.fanIn);
      return Float32Array.from({ length: count }, () => random.uniform(-bound, bound));
    }
  }
}
