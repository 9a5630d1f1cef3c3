import { float32Values, type NamedTensors } from '../tensors/host-tensor.js';

/** A container whose tensors are read piece by piece. Everything in it has passed admission. */
export interface TensorSource {
  /** Fills `into` with the values of the tensor from number `start` on. */
  read(name: string, start: number, into: Float32Array): void;
}

export interface WeightedUpdate {
  source: TensorSource;
  /** Whole number, thousandths of a labelled volume; an update of weight 0 takes no part. */
  weight: number;
}

export function sourceOf(tensors: NamedTensors): TensorSource {
  return {
    read(name, start, into) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new RangeError(`tensor ${name}: expected it in the container`);
      into.set(float32Values(tensor).subarray(start, start + into.length));
    },
  };
}
