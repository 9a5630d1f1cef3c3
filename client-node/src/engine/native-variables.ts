import { TYPE_NUMBER, type Attributes, type NativeBinding } from './native-binding.js';
import type { MomentumSettings } from './ops.js';
import type { Shape, Variable } from './tensor.js';

/** Resource variables' names are one namespace per process. */
let created = 0;

/** TensorFlow's resource variables and the update ops that write into them in place. Ids are native tensor ids. */
export class NativeVariables {
  constructor(
    private readonly binding: NativeBinding,
    private readonly attributes: Attributes,
  ) {}

  create(values: Float32Array, shape: Shape): Variable {
    const a = this.attributes;
    const naming = [a.string('container', ''), a.string('shared_name', `consilium-${(created += 1)}`)];
    const attributes = [...naming, a.type('dtype', 'float32'), a.shape('shape', shape)];
    const variable = { id: this.binding.executeOp('VarHandleOp', attributes, [], 1)[0]!.id, shape: [...shape] };
    // A copy: the addon may share the array's memory, and the updates below write into the variable's memory in place.
    const value = this.binding.createTensor(shape, TYPE_NUMBER.float32, values.slice());
    this.assign(variable, value);
    this.binding.deleteTensor(value);
    return variable;
  }

  read(variable: Variable): number {
    return this.#run('ReadVariableOp', [this.attributes.type('dtype', 'float32')], [variable.id]);
  }

  assign(variable: Variable, value: number): void {
    this.binding.executeOp('AssignVariableOp', [this.attributes.type('dtype', 'float32')], [variable.id, value], 0);
  }

  release(variable: Variable): void {
    this.binding.executeOp('DestroyResourceOp', [this.attributes.bool('ignore_lookup_error', false)], [variable.id], 0);
    this.binding.deleteTensor(variable.id);
  }

  applyMomentum(weights: Variable, velocity: Variable, gradient: number, settings: MomentumSettings): void {
    const a = this.attributes;
    const float = [a.type('T', 'float32')];
    const temporaries: number[] = [];
    const keep = (id: number) => (temporaries.push(id), id);
    let total = gradient;
    if (settings.weightDecay !== 0) {
      const value = this.read(weights);
      const decay = keep(this.#run('Mul', float, [value, keep(this.#scalar(settings.weightDecay))]));
      // The update below writes in place only while nobody else holds the value.
      this.binding.deleteTensor(value);
      total = keep(this.#run('AddV2', float, [decay, gradient]));
    }
    const rate = keep(this.#scalar(settings.learningRate));
    const momentum = keep(this.#scalar(settings.momentum));
    const attributes = [...float, a.bool('use_locking', false), a.bool('use_nesterov', true)];
    this.binding.executeOp('ResourceApplyMomentum', attributes, [weights.id, velocity.id, rate, total, momentum], 0);
    for (const id of temporaries) this.binding.deleteTensor(id);
  }

  applyAverage(average: Variable, value: number, decay: number): void {
    const float = [this.attributes.type('T', 'float32')];
    const before = this.read(average);
    const difference = this.#run('Sub', float, [before, value]);
    this.binding.deleteTensor(before);
    const share = this.#scalar(1 - decay);
    const attributes = [...float, this.attributes.bool('use_locking', false)];
    this.binding.executeOp('ResourceApplyGradientDescent', attributes, [average.id, share, difference], 0);
    this.binding.deleteTensor(share);
    this.binding.deleteTensor(difference);
  }

  #scalar(value: number): number {
    return this.binding.createTensor([], TYPE_NUMBER.float32, Float32Array.of(value));
  }

  #run(op: string, attributes: Parameters<NativeBinding['executeOp']>[1], inputs: readonly number[]): number {
    return this.binding.executeOp(op, attributes, inputs, 1)[0]!.id;
  }
}
