import { fromHalf } from './half.js';

/** Values as they lie in memory, C order (last axis fastest). float16 and bfloat16 are their raw 16 bits. */
export type HostTensor = {
  [D in keyof HostArrays]: { shape: number[]; dtype: D; data: HostArrays[D] };
}[keyof HostArrays];

interface HostArrays {
  float64: Float64Array;
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

export type HostDtype = HostTensor['dtype'];
export type Float32Tensor = Extract<HostTensor, { dtype: 'float32' }>;
export type NamedTensors = Map<string, HostTensor>;

/** 1 for the shape [] of a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

export function float32Tensor(shape: readonly number[], data?: Float32Array): Float32Tensor {
  const count = elementCount(shape);
  const values = data ?? new Float32Array(count);
  if (values.length !== count) {
    throw new RangeError(`float32 tensor [${shape.join(', ')}]: expected ${count} values, got ${values.length}`);
  }
  return { shape: [...shape], dtype: 'float32', data: values };
}

/** The values of any tensor as float32; a float32 tensor gives its own data, not a copy. */
export function float32Values(tensor: HostTensor): Float32Array {
  switch (tensor.dtype) {
    case 'float32':
      return tensor.data;
    case 'float16':
      return Float32Array.from(tensor.data, fromHalf);
    case 'bfloat16':
      return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits << 16).buffer);
    case 'int64':
      return Float32Array.from(tensor.data, Number);
    default:
      return Float32Array.from(tensor.data);
  }
}
