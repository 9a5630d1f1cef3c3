import { readFileSync } from 'node:fs';
import { decodeContainer, float32Values, type HostTensor, type NamedTensors } from '../../shared/src/index.js';

type FloatTensor = HostTensor & { dtype: 'float32' };

/** A file of figures that PyTorch computed: names `params/*`, `input/*`, `expect/*`, layouts PyTorch's. */
export class ReferenceFile {
  readonly #tensors: NamedTensors;
  readonly config: Readonly<Record<string, unknown>>;

  constructor(path: string) {
    const { tensors, metadata } = decodeContainer(readFileSync(path));
    this.#tensors = tensors;
    this.config = JSON.parse(metadata['config'] ?? '{}') as Record<string, unknown>;
  }

  /** Names under a prefix, without it. */
  names(prefix: string): string[] {
    return [...this.#tensors.keys()].flatMap((name) =>
      name.startsWith(`${prefix}/`) ? [name.slice(prefix.length + 1)] : [],
    );
  }

  /** The network that the file starts from, in this project's layouts. */
  startingModel(): NamedTensors {
    return new Map(this.names('params').map((name) => [name, ownLayout(name, this.floats(`params/${name}`))]));
  }

  /** [b, c, h, w, d] -> [b, h, w, d, c] */
  volumes(name: string): FloatTensor {
    return permuted(this.floats(name), [0, 2, 3, 4, 1]);
  }

  floats(name: string): FloatTensor {
    const tensor = this.#tensor(name);
    return { dtype: 'float32', shape: tensor.shape, data: float32Values(tensor) };
  }

  integers(name: string): Int32Array {
    return Int32Array.from(float32Values(this.#tensor(name)));
  }

  scalar(name: string): number {
    return this.floats(name).data[0];
  }

  #tensor(name: string): HostTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`${name}: expected in the reference file, found nothing`);
    return tensor;
  }
}

/** A result in PyTorch's order of axes [b, c, h, w, d], for comparison. */
export function torchVolume(values: Float32Array, shape: readonly number[]): Float32Array {
  return permuted({ dtype: 'float32', shape: [...shape], data: values }, [0, 4, 1, 2, 3]).data;
}

/** A parameter in PyTorch's layout. */
export function torchParameter(name: string, tensor: HostTensor): Float32Array {
  const floats: FloatTensor = { dtype: 'float32', shape: tensor.shape, data: float32Values(tensor) };
  if (tensor.shape.length === 5) return permuted(floats, [4, 3, 0, 1, 2]).data;
  if (isMatrix(name, tensor)) return permuted(floats, [1, 0]).data;
  return floats.data;
}

/** The values that a file which keeps at most `kept` of them has. */
export function everyNth(values: Float32Array, kept: number): Float32Array {
  const step = Math.max(1, Math.ceil(values.length / kept));
  return step === 1 ? values : values.filter((_, i) => i % step === 0);
}

/**
 * Convolutions [out, in, h, w, d] -> [h, w, d, in, out], transposed ones [in, out, h, w, d] -> [h, w, d, out, in]: the same
 * permutation; linear layers [out, in] -> [in, out]. Anything else stays as it is.
 */
function ownLayout(name: string, tensor: FloatTensor): FloatTensor {
  if (tensor.shape.length === 5) return permuted(tensor, [2, 3, 4, 1, 0]);
  return isMatrix(name, tensor) ? permuted(tensor, [1, 0]) : tensor;
}

function isMatrix(name: string, { shape }: HostTensor): boolean {
  return shape.length === 2 && name.endsWith('.weight');
}

function permuted(tensor: FloatTensor, order: readonly number[]): FloatTensor {
  const strides = tensor.shape.map((_, axis) => tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const shape = order.map((axis) => tensor.shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const data = new Float32Array(tensor.data.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = tensor.data[index.reduce((at, value, axis) => at + value * steps[axis], 0)]!;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return { dtype: 'float32', shape, data };
}

/** Largest difference, relative to the largest expected magnitude. */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) throw new Error(`expected ${expected.length} values, got ${got.length}`);
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(got[i] - expected[i]);
    if (!(d <= difference)) difference = d;
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference / Math.max(magnitude, 1e-30);
}

export function largestDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(got[i] - expected[i]);
    if (!(d <= difference)) difference = d;
  }
  return difference;
}
