import type { NativeCalls } from './native-calls.js';
import type { MomentumSettings } from './ops.js';
import type { Shape, Variable } from './tensor.js';

/** Resource variables' names are one namespace per process. */
let created = 0;

/** TensorFlow's resource variables and the update ops that write into them in place. Ids are native tensor ids. */
export class NativeVariables {
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

  read(variable: Variable): number {
    return this.calls.raw('ReadVariableOp', [this.calls.attributes.type('dtype', this.real)], [variable.id]);
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
    calls.withScalar(settings.learningRate, this.real, (rate) =>
      calls.withScalar(settings.momentum, this.real, (momentum) => {
        const inputs = [weights.id, velocity.id, rate, decayed ?? gradient, momentum];
        this.#update('ResourceApplyMomentum', [this.#type(), ...flags], inputs);
      }),
    );
    if (decayed !== null) calls.binding.deleteTensor(decayed);
  }

  applyAverage(average: Variable, value: number, decay: number): void {
    const { calls } = this;
    const before = this.read(average);
    const difference = calls.raw('Sub', [this.#type()], [before, value]);
    calls.binding.deleteTensor(before);
    calls.withScalar(1 - decay, this.real, (share) => {
      const attributes = [this.#type(), calls.attributes.bool('use_locking', false)];
      this.#update('ResourceApplyGradientDescent', attributes, [average.id, share, difference]);
    });
    calls.binding.deleteTensor(difference);
  }

  /** gradient + decay weights. Holds no handle on the weights afterwards: an update in place would copy them then. */
  #decayed(weights: Variable, gradient: number, decay: number): number {
    const { calls } = this;
    const value = this.read(weights);
    const pull = calls.withScalar(decay, this.real, (factor) => calls.raw('Mul', [this.#type()], [value, factor]));
    calls.binding.deleteTensor(value);
    const total = calls.raw('AddV2', [this.#type()], [pull, gradient]);
    calls.binding.deleteTensor(pull);
    return total;
  }

  #type() {
    return this.calls.attributes.type('T', this.real);
  }

  #update(op: string, attributes: Parameters<NativeCalls['raw']>[1], inputs: readonly number[]): void {
    this.calls.binding.executeOp(op, attributes, inputs, 0);
  }
}
