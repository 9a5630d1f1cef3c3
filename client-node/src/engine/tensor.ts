/** Element types. `bfloat16` (speed) and `float64` (tests of the arithmetic) exist on an engine only, never on the host. */
export type DType = 'float32' | 'float64' | 'int32' | 'bfloat16';

export type Shape = readonly number[];

/**
 * A tensor that lives in an engine. Whoever receives a handle from an op owns it and must dispose of it, once.
 * Ops never consume their arguments. Values are in C order, the last axis fastest; volumes are [b, h, w, d, c].
 */
export interface Tensor {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Numbers that an optimiser updates in place. Owned by whoever made it; `Ops.release` ends it. */
export interface Variable {
  readonly id: number;
  readonly shape: Shape;
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Books on live handles, shared by all implementations of `Ops`: how many there are, and which ones a `tidy` made.
 * `free` gives a tensor's memory back to the engine.
 */
export class HandleLedger {
  readonly #live = new Set<number>();
  readonly #scopes: Set<number>[] = [];

  constructor(private readonly free: (id: number) => void) {}

  get count(): number {
    return this.#live.size;
  }

  open(id: number, shape: Shape, dtype: DType): Tensor {
    this.#live.add(id);
    this.#scopes.at(-1)?.add(id);
    return { id, shape, dtype };
  }

  close(tensors: readonly Tensor[]): void {
    for (const { id, shape } of tensors) {
      if (!this.#live.delete(id)) throw new Error(`dispose: tensor ${id} of shape [${shape.join(', ')}] is not live`);
      for (const scope of this.#scopes) scope.delete(id);
      this.free(id);
    }
  }

  tidy<T>(body: () => T): T {
    const scope = new Set<number>();
    this.#scopes.push(scope);
    try {
      const result = body();
      // Only what the body made moves outwards: a handle that it was lent stays with its owner.
      const kept = tensorsWithin(result).filter((tensor) => scope.delete(tensor.id));
      this.#scopes.pop();
      for (const tensor of kept) this.#scopes.at(-1)?.add(tensor.id);
      return result;
    } catch (error) {
      this.#scopes.pop();
      throw error;
    } finally {
      for (const id of scope) {
        this.#live.delete(id);
        this.free(id);
      }
    }
  }
}

/** Handles inside a result: a handle itself, or any in the arrays and plain objects that hold them. */
function tensorsWithin(value: unknown): Tensor[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  if ('id' in value && 'dtype' in value && 'shape' in value) return [value as Tensor];
  return Object.values(value).flatMap(tensorsWithin);
}
