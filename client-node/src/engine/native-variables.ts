import type { NativeCalls } from './native-calls.js';
import type { MomentumSettings } from './ops.js';
import type { DType, Shape, Tensor, Variable } from './tensor.js';

/** Resource variables' names are one namespace per process. */
let created = 0;

/** TensorFlow's resource variables and the update ops that write into them in place. Ids are native tensor ids. */
export class NativeVariables {
  /** Values that were read since a variable's last update, by its id. TensorFlow copies a variable that is read while it is written. */
  readonly #lent = new Map<number, Tensor[]>();

  constructor(
    private readonly calls: NativeCalls,
    private readonly real: 'float32' | 'float64',
  ) {}

  create(values: Float32Array, shape: Shape): Variable {
    const { attributes: a, binding } = this.calls;
    const naming = [a.string('container', ''), a.string('shared_name', `consilium-${(created += 1)}`)];
    const attributes = [...naming, a.type('dtype', this.real), a.shape('shape', shape)];
    const variable = { id: this.calls.raw('VarHandleOp', attributes, []), shape: [...shape] };
    const value = this.calls.upload(values, shape, this.real);
    this.assign(variable, value);
    binding.deleteTensor(value);
    return variable;
  }

  /** Not booked; read once between two updates, however often it is asked for. */
  read(variable: Variable, dtype: DType = this.real): Tensor {
    const lent = this.#lent.get(variable.id) ?? [];
    const found = lent.find((value) => value.dtype === dtype);
    if (found !== undefined) return found;
    const { calls, real } = this;
    const id =
      dtype === real
        ? calls.raw('ReadVariableOp', [calls.attributes.type('dtype', real)], [variable.id])
        : calls.raw('Cast', calls.attributes.cast(real, dtype), [this.read(variable).id]);
    const value = { id, shape: variable.shape, dtype };
    this.#lent.set(variable.id, [...(this.#lent.get(variable.id) ?? []), value]);
    return value;
  }

  assign(variable: Variable, value: number): void {
    this.#update('AssignVariableOp', [this.calls.attributes.type('dtype', this.real)], [variable.id, value]);
  }

  release(variable: Variable): void {
    this.#update('DestroyResourceOp', [this.calls.attributes.bool('ignore_lookup_error', false)], [variable.id]);
    this.calls.binding.deleteTensor(variable.id);
  }

  applyMomentum(weights: Variable, velocity: Variable, gradient: number, settings: MomentumSettings): void {
    const { calls } = this;
    const decayed = settings.weightDecay === 0 ? null : this.#decayed(weights, gradient, settings.weightDecay);
    const flags = [calls.attributes.bool('use_locking', false), calls.attributes.bool('use_nesterov', true)];
    const [rate, momentum] = [settings.learningRate, settings.momentum].map((value) => calls.scalar(value, this.real));
    this.#takeBack(velocity.id);
    const inputs = [weights.id, velocity.id, rate, decayed ?? gradient, momentum];
    this.#update('ResourceApplyMomentum', [this.#type(), ...flags], inputs);
    if (decayed !== null) calls.binding.deleteTensor(decayed);
  }

  applyAverage(average: Variable, value: number, decay: number): void {
    const { calls } = this;
    const difference = calls.raw('Sub', [this.#type()], [this.read(average).id, value]);
    const attributes = [this.#type(), calls.attributes.bool('use_locking', false)];
    const share = calls.scalar(1 - decay, this.real);
    this.#update('ResourceApplyGradientDescent', attributes, [average.id, share, difference]);
    calls.binding.deleteTensor(difference);
  }

  /** gradient + decay weights */
  #decayed(weights: Variable, gradient: number, decay: number): number {
    const { calls } = this;
    const pull = calls.raw('Mul', [this.#type()], [this.read(weights).id, calls.scalar(decay, this.real)]);
    const total = calls.raw('AddV2', [this.#type()], [pull, gradient]);
    calls.binding.deleteTensor(pull);
    return total;
  }

  #type() {
    return this.calls.attributes.type('T', this.real);
  }

  /** The first input is the variable that is written. */
  #update(op: string, attributes: Parameters<NativeCalls['raw']>[1], inputs: readonly number[]): void {
    this.#takeBack(inputs[0]);
    this.calls.binding.executeOp(op, attributes, inputs, 0);
  }

  #takeBack(variable: number): void {
    for (const { id } of this.#lent.get(variable) ?? []) this.calls.binding.deleteTensor(id);
    this.#lent.delete(variable);
  }
}
