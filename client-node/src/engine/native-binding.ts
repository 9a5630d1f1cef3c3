import type { Window } from './ops.js';
import type { DType } from './tensor.js';

/** The part of the tfjs-node addon's native interface that the ops use: `tf.backend().binding`. */
export interface NativeBinding {
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): NativeResult[];
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
}

export interface NativeResult {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** TensorFlow's numbers for element types (tf_datatype.h); bfloat16 is unknown to TF.js, so it never leaves the ops. */
export const TYPE_NUMBER: Record<DType, number> = { float32: 1, float64: 2, int32: 3, bfloat16: 14 };
export const BOOL_NUMBER = 10;

export function dtypeOf(typeNumber: number): DType {
  const found = (Object.keys(TYPE_NUMBER) as DType[]).find((dtype) => TYPE_NUMBER[dtype] === typeNumber);
  if (found === undefined) throw new Error(`native op: unexpected result of TensorFlow's type ${typeNumber}`);
  return found;
}

/** Writes TensorFlow's op attributes. */
export class Attributes {
  constructor(private readonly binding: NativeBinding) {}

  type(name: string, dtype: DType): Attribute {
    return { name, type: this.binding.TF_ATTR_TYPE, value: TYPE_NUMBER[dtype] };
  }
  typeNumber(name: string, value: number): Attribute {
    return { name, type: this.binding.TF_ATTR_TYPE, value };
  }
  int(name: string, value: number | readonly number[]): Attribute {
    return { name, type: this.binding.TF_ATTR_INT, value };
  }
  float(name: string, value: number): Attribute {
    return { name, type: this.binding.TF_ATTR_FLOAT, value };
  }
  bool(name: string, value: boolean): Attribute {
    return { name, type: this.binding.TF_ATTR_BOOL, value };
  }
  string(name: string, value: string): Attribute {
    return { name, type: this.binding.TF_ATTR_STRING, value };
  }
  shape(name: string, value: readonly number[]): Attribute {
    return { name, type: this.binding.TF_ATTR_SHAPE, value };
  }

  window(dtype: DType, { stride, padding }: Window): Attribute[] {
    const strides = this.int('strides', [1, stride, stride, stride, 1]);
    const layout = [this.string('data_format', 'NDHWC'), this.int('dilations', [1, 1, 1, 1, 1])];
    return [this.type('T', dtype), strides, this.string('padding', padding), ...layout];
  }

  pool(): Attribute[] {
    const sides = [this.int('ksize', [1, 2, 2, 2, 1]), this.int('strides', [1, 2, 2, 2, 1])];
    return [...sides, this.string('padding', 'VALID'), this.string('data_format', 'NDHWC')];
  }

  /** Of fused batch norm with the batch's own moments. */
  norm(dtype: DType, epsilon: number): Attribute[] {
    const types = [this.type('T', dtype), this.type('U', 'float32'), this.float('epsilon', epsilon)];
    return [...types, this.string('data_format', 'NHWC'), this.bool('is_training', true)];
  }

  cast(from: DType | typeof BOOL_NUMBER, to: DType): Attribute[] {
    const source = typeof from === 'number' ? from : TYPE_NUMBER[from];
    return [this.typeNumber('SrcT', source), this.type('DstT', to), this.bool('Truncate', false)];
  }
}
