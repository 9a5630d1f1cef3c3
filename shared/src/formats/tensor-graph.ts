import { elementCount } from '../tensors/host-tensor.js';

/** The name of a tensor within a graph. */
export type Value = string;

/** What a graph of any format knows of its constants: each has a name of its own, and is there once. */
export abstract class TensorGraph {
  /** `data`: C order. */
  constant(name: string, shape: readonly number[], data: Float32Array): Value {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(`constant ${name}: expected [${shape.join(', ')}], got ${data.length} values`);
    }
    return this.addFloats(name, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  scalar(value: number): Value {
    return this.once(`scalar.${value}`, (name) => this.constant(name, [], Float32Array.of(value)));
  }

  /** A shape or axes as an operand. */
  integers(...values: readonly number[]): Value {
    return this.once(`integers.${values.join('.')}`, (name) => this.addIntegers(name, [values.length], values));
  }

  /** The constant of this name, made where it is not there yet. */
  protected once(name: string, make: (name: string) => Value): Value {
    return this.has(name) ? name : make(name);
  }

  protected abstract has(name: Value): boolean;
  /** `content`: float32, little-endian. */
  protected abstract addFloats(name: string, shape: readonly number[], content: Uint8Array): Value;
  /** In the format's own integers. */
  protected abstract addIntegers(name: string, shape: readonly number[], values: readonly number[]): Value;
}
