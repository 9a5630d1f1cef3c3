import { readFileSync } from 'node:fs';
import { decodeContainer, type HostTensor, type NamedTensors } from '../../shared/src/index.js';

/** A file of figures that PyTorch computed: names `params/*`, `input/*`, `expect/*`, layouts PyTorch's. */
export class ReferenceFile {
  readonly tensors: NamedTensors;
  readonly config: Readonly<Record<string, unknown>>;

  constructor(path: string) {
    const { tensors, metadata } = decodeContainer(readFileSync(path));
    this.tensors = tensors;
    this.config = JSON.parse(metadata['config'] ?? '{}') as Record<string, unknown>;
  }

  /** Parameters or buffers under a prefix, in this project's layouts and without the prefix. */
  model(prefix: string): NamedTensors {
    const model: NamedTensors = new Map();
    for (const [name, tensor] of this.tensors) {
      if (name.startsWith(`${prefix}/`)) model.set(name.slice(prefix.length + 1), parameterLayout(name, tensor));
    }
    return model;
  }

  /** [b, c, h, w, d] -> [b, h, w, d, c] */
  volumes(name: string): HostTensor & { dtype: 'float32' } {
    return permuted(this.floats(name), [0, 2, 3, 4, 1]);
  }

  floats(name: string): HostTensor & { dtype: 'float32' } {
    const tensor = this.tensors.get(name);
    if (tensor?.dtype !== 'float32') throw new Error(`${name}: expected float32, got ${tensor?.dtype ?? 'nothing'}`);
    return tensor;
  }

  integers(name: string): Int32Array {
    const tensor = this.tensors.get(name);
    if (tensor?.dtype !== 'int32') throw new Error(`${name}: expected int32, got ${tensor?.dtype ?? 'nothing'}`);
    return tensor.data;
  }

  scalar(name: string): number {
    return this.floats(name).data[0]!;
  }
}

/**
 * Convolutions [out, in, h, w, d] -> [h, w, d, in, out], transposed ones [in, out, h, w, d] -> [h, w, d, out, in]: the same
 * permutation; linear layers [out, in] -> [in, out]. Anything else stays as it is.
 */
function parameterLayout(name: string, tensor: HostTensor): HostTensor {
  if (tensor.dtype !== 'float32') return tensor;
  if (tensor.shape.length === 5) return permuted(tensor, [2, 3, 4, 1, 0]);
  if (tensor.shape.length === 2 && name.endsWith('.weight')) return permuted(tensor, [1, 0]);
  return tensor;
}

function permuted(
  tensor: HostTensor & { dtype: 'float32' },
  order: readonly number[],
): HostTensor & { dtype: 'float32' } {
  const strides = tensor.shape.map((_, axis) => tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const shape = order.map((axis) => tensor.shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const data = new Float32Array(tensor.data.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = tensor.data[index.reduce((at, value, axis) => at + value * steps[axis]!, 0)]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { dtype: 'float32', shape, data };
}

/** Largest difference, relative to the largest expected magnitude. */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) throw new Error(`expected ${expected.length} values, got ${got.length}`);
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(got[i]! - expected[i]!);
    if (!(d <= difference)) difference = d;
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference / Math.max(magnitude, 1e-30);
}

export function largestDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(got[i]! - expected[i]!);
    if (!(d <= difference)) difference = d;
  }
  return difference;
}
