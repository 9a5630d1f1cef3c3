import { Attributes, dtypeOf, TYPE_NUMBER, type Attribute, type NativeBinding } from './native-binding.js';
import { HandleLedger, sizeOf, type DType, type Shape, type Tensor } from './tensor.js';

const SCALARS_KEPT = 256;

/** Calls of native ops with booked results, and the small constants that TensorFlow takes as tensors. */
export class NativeCalls {
  readonly attributes: Attributes;
  readonly ledger: HandleLedger;
  /** Small int32 vectors (shapes, axes, permutations): a network uses the same few at every step. */
  readonly #integers = new Map<string, number>();
  /** Factors and the like: most are the same at every step, a few (learning rate, counts of voxels) never come back. */
  readonly #scalars = new Map<string, number>();

  constructor(readonly binding: NativeBinding) {
    this.attributes = new Attributes(binding);
    this.ledger = new HandleLedger((id) => binding.deleteTensor(id));
  }

  /** One result, booked. */
  run(op: string, attributes: readonly Attribute[], inputs: readonly number[]): Tensor {
    const [result] = this.binding.executeOp(op, attributes, inputs, 1);
    return this.ledger.open(result.id, result.shape, dtypeOf(result.dtype));
  }

  /** One result, not booked: the caller deletes it by its id. */
  raw(op: string, attributes: readonly Attribute[], inputs: readonly number[]): number {
    return this.binding.executeOp(op, attributes, inputs, 1)[0].id;
  }

  /** A lasting int32 vector. */
  integers(values: readonly number[]): number {
    const key = values.join(',');
    let id = this.#integers.get(key);
    if (id === undefined) {
      id = this.binding.createTensor([values.length], TYPE_NUMBER.int32, Int32Array.from(values));
      this.#integers.set(key, id);
    }
    return id;
  }

  /** Not booked: float32 or int32 values from the host as any type. */
  upload(values: Float32Array | Int32Array, shape: Shape, dtype: DType): number {
    const host = values instanceof Float32Array ? 'float32' : 'int32';
    // The addon keeps the array itself where it lies aligned to 64 bytes, about one time in eight, and variables are
    // updated in place: give it its own.
    const id = this.binding.createTensor(shape, TYPE_NUMBER[host], values.slice());
    if (host === dtype) return id;
    const converted = this.raw('Cast', this.attributes.cast(host, dtype), [id]);
    this.binding.deleteTensor(id);
    return converted;
  }

  /** A scalar, not booked; it stays valid while the next few are asked for. */
  scalar(value: number, dtype: DType): number {
    const key = `${dtype} ${value}`;
    const cached = this.#scalars.get(key);
    if (cached !== undefined) return cached;
    const id = this.upload(dtype === 'int32' ? Int32Array.of(value) : Float32Array.of(value), [], dtype);
    this.#scalars.set(key, id);
    for (const [oldest, old] of this.#scalars) {
      if (this.#scalars.size <= SCALARS_KEPT) break;
      this.#scalars.delete(oldest);
      this.binding.deleteTensor(old);
    }
    return id;
  }

  /**
   * Fused batch norm takes four axes: a view of any x [..., c] with the first axes drawn together, not booked. The kernel is
   * twice as slow on [n, 1, 1, c].
   */
  fourAxes(x: Tensor): number {
    const inner = x.shape.slice(Math.max(1, x.shape.length - 3));
    const ones = new Array<number>(3 - inner.length).fill(1);
    const first = sizeOf(x.shape) / sizeOf(inner);
    return this.raw('Reshape', this.#reshape(x), [x.id, this.integers([first, ...ones, ...inner])]);
  }

  /** Books a view with the shape of `like` and deletes the handle it came from. */
  shaped(id: number, like: Tensor): Tensor {
    const y = this.run('Reshape', this.#reshape(like), [id, this.integers(like.shape)]);
    this.binding.deleteTensor(id);
    return y;
  }

  #reshape(x: Tensor): Attribute[] {
    return [this.attributes.type('T', x.dtype), this.attributes.type('Tshape', 'int32')];
  }
}
