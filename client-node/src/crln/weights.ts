import type { NamedTensors, TensorSpec } from '@consilium/shared';
import type { MomentumSettings, Ops } from '../engine/ops.js';
import { sizeOf, type DType, type Shape, type Tensor, type Variable } from '../engine/tensor.js';

/** A trained tensor, with the gradient that backward passes have added up so far. */
export class Parameter {
  #gradient: Tensor | null = null;

  constructor(
    private readonly ops: Ops,
    readonly name: string,
    readonly variable: Variable,
  ) {}

  get shape(): Shape {
    return this.variable.shape;
  }

  /** The value, in the engine's own type or as asked: lent up to the next update, not to be disposed of. */
  read(dtype?: DType): Tensor {
    return this.ops.read(this.variable, dtype);
  }

  /** Null while no loss has reached this tensor: such a tensor is not updated, not even by weight decay. */
  get gradient(): Tensor | null {
    return this.#gradient;
  }

  /** Takes the gradient over; any shape of the right size. Gradients add up in single precision at least. */
  addGradient(gradient: Tensor): void {
    const { ops } = this;
    const shaped = ops.tidy(() => {
      const wide = gradient.dtype === 'bfloat16' ? ops.cast(gradient, 'float32') : gradient;
      return wide.shape.length === this.shape.length ? wide : ops.reshape(wide, this.shape);
    });
    if (shaped !== gradient) ops.dispose(gradient);
    if (this.#gradient === null) {
      this.#gradient = shaped;
      return;
    }
    const sum = ops.add(this.#gradient, shaped);
    ops.dispose(this.#gradient, shaped);
    this.#gradient = sum;
  }

  /** For a tensor that the loss cannot reach, but that an optimiser still moves by weight decay and momentum. */
  addZeroGradient(): void {
    if (this.#gradient === null) this.addGradient(this.ops.fromHost(new Float32Array(sizeOf(this.shape)), this.shape));
  }

  clearGradient(): void {
    if (this.#gradient !== null) this.ops.dispose(this.#gradient);
    this.#gradient = null;
  }
}

/** A model's tensors on an engine, by the names of `modelTensors`: trained ones as parameters, the others as variables. */
export class Weights {
  readonly #parameters = new Map<string, Parameter>();
  readonly #statistics = new Map<string, Variable>();

  private constructor(
    private readonly ops: Ops,
    private readonly specs: readonly TensorSpec[],
  ) {}

  /** Copies `tensors` onto the engine; a missing or misshapen one throws. */
  static load(ops: Ops, specs: readonly TensorSpec[], tensors: NamedTensors): Weights {
    const weights = new Weights(ops, specs);
    for (const { name, kind, shape } of specs) {
      const variable = ops.variable(floats(tensors, name, shape), shape);
      if (kind === 'statistic' || kind === 'prior') weights.#statistics.set(name, variable);
      else weights.#parameters.set(name, new Parameter(ops, name, variable));
    }
    return weights;
  }

  parameter(name: string): Parameter {
    return found(this.#parameters.get(name), name);
  }

  statistic(name: string): Variable {
    return found(this.#statistics.get(name), name);
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  parameters(): Iterable<Parameter> {
    return this.#parameters.values();
  }

  /** Overwrites every tensor with the ones given. */
  assign(tensors: NamedTensors): void {
    for (const { name, shape } of this.specs) {
      const value = this.ops.fromHost(floats(tensors, name, shape), shape);
      this.ops.assign(this.#variable(name), value);
      this.ops.dispose(value);
    }
  }

  toHost(): NamedTensors {
    const tensors: NamedTensors = new Map();
    for (const { name, shape } of this.specs) {
      const value = this.ops.read(this.#variable(name));
      tensors.set(name, { dtype: 'float32', shape: [...shape], data: this.ops.toHost(value) as Float32Array });
    }
    return tensors;
  }

  /** Gradients as they stand, of the parameters that have one. */
  gradientsToHost(): NamedTensors {
    const tensors: NamedTensors = new Map();
    for (const { name, gradient, shape } of this.#parameters.values()) {
      if (gradient === null) continue;
      tensors.set(name, { dtype: 'float32', shape: [...shape], data: this.ops.toHost(gradient) as Float32Array });
    }
    return tensors;
  }

  dispose(): void {
    for (const parameter of this.#parameters.values()) parameter.clearGradient();
    this.ops.release(...this.specs.map(({ name }) => this.#variable(name)));
  }

  #variable(name: string): Variable {
    return this.#parameters.get(name)?.variable ?? this.statistic(name);
  }
}

/** Velocities of Nesterov's momentum for the parameters of some weights. */
export class Momentum {
  readonly #velocities = new Map<string, Variable>();

  constructor(
    private readonly ops: Ops,
    private readonly weights: Weights,
  ) {
    for (const { name, shape } of weights.parameters()) {
      this.#velocities.set(name, ops.variable(new Float32Array(sizeOf(shape)), shape));
    }
  }

  /** Updates the parameters that have a gradient and clears it; `names` restricts the update to some. */
  apply(settings: MomentumSettings, parameters: Iterable<Parameter> = this.weights.parameters()): void {
    for (const parameter of parameters) {
      if (parameter.gradient === null) continue;
      const velocity = found(this.#velocities.get(parameter.name), parameter.name);
      this.ops.applyMomentum(parameter.variable, velocity, parameter.gradient, settings);
      parameter.clearGradient();
    }
  }

  toHost(): NamedTensors {
    const tensors: NamedTensors = new Map();
    for (const [name, velocity] of this.#velocities) {
      const value = this.ops.read(velocity);
      tensors.set(name, { dtype: 'float32', shape: [...velocity.shape], data: this.ops.toHost(value) as Float32Array });
    }
    return tensors;
  }

  assign(tensors: NamedTensors): void {
    for (const [name, velocity] of this.#velocities) {
      const value = this.ops.fromHost(floats(tensors, name, velocity.shape), velocity.shape);
      this.ops.assign(velocity, value);
      this.ops.dispose(value);
    }
  }

  dispose(): void {
    this.ops.release(...this.#velocities.values());
  }
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`weights: expected a tensor named ${name}, found none`);
  return value;
}

function floats(tensors: NamedTensors, name: string, shape: Shape): Float32Array {
  const tensor = found(tensors.get(name), name);
  if (tensor.dtype !== 'float32' || tensor.data.length !== sizeOf(shape)) {
    const got = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    throw new Error(`weights: expected ${name} as float32 [${shape.join(', ')}], got ${got}`);
  }
  return tensor.data;
}
