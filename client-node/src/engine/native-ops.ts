import type { MomentumSettings, NormMoments, Operand, Ops, Window } from './ops.js';
import { HandleLedger, sizeOf, type DType, type Shape, type Tensor, type Variable } from './tensor.js';
import { Attributes, BOOL_NUMBER, dtypeOf, TYPE_NUMBER, type Attribute, type NativeBinding } from './native-binding.js';
import { NativeVariables } from './native-variables.js';

/**
 * `Ops` over TensorFlow's eager ops, called through the tfjs-node addon without TF.js between: about 4 us a call, no
 * tape, and the fused kernels that TF.js does not name. One instance per process: it owns every handle it makes.
 */
export class NativeOps implements Ops {
  readonly name = 'native';
  readonly #binding: NativeBinding;
  readonly #attributes: Attributes;
  readonly #ledger: HandleLedger;
  readonly #variables: NativeVariables;
  /** Small int32 vectors (shapes, axes, permutations): a network uses the same few at every step. */
  readonly #integers = new Map<string, number>();

  constructor(binding: NativeBinding) {
    this.#binding = binding;
    this.#attributes = new Attributes(binding);
    this.#ledger = new HandleLedger((id) => binding.deleteTensor(id));
    this.#variables = new NativeVariables(binding, this.#attributes);
  }

  // Borders

  fromHost(values: Float32Array | Int32Array, shape: Shape): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(
        `fromHost: expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${values.length}`,
      );
    }
    const dtype = values instanceof Float32Array ? 'float32' : 'int32';
    // The addon keeps the array itself where it happens to lie aligned: give it its own.
    return this.#ledger.open(this.#binding.createTensor(shape, TYPE_NUMBER[dtype], values.slice()), [...shape], dtype);
  }

  toHost(x: Tensor): Float32Array | Int32Array {
    if (x.dtype !== 'bfloat16') return this.#binding.tensorDataSync(x.id) as Float32Array | Int32Array;
    const widened = this.cast(x, 'float32');
    const values = this.#binding.tensorDataSync(widened.id) as Float32Array;
    this.dispose(widened);
    return values;
  }

  dispose(...tensors: Tensor[]): void {
    this.#ledger.close(tensors);
  }

  tidy<T>(body: () => T): T {
    return this.#ledger.tidy(body);
  }

  tensorCount(): number {
    return this.#ledger.count;
  }

  cast(x: Tensor, dtype: DType): Tensor {
    const a = this.#attributes;
    return this.#run('Cast', [a.type('SrcT', x.dtype), a.type('DstT', dtype), a.bool('Truncate', false)], [x.id]);
  }

  // Windows over volumes

  conv3d(x: Tensor, filter: Tensor, window: Window): Tensor {
    return this.#run('Conv3D', this.#window(x.dtype, window), [x.id, filter.id]);
  }

  conv3dInputGrad(inputShape: Shape, filter: Tensor, dy: Tensor, window: Window): Tensor {
    const attributes = [...this.#window(dy.dtype, window), this.#attributes.type('Tshape', 'int32')];
    return this.#run('Conv3DBackpropInputV2', attributes, [this.#ints(inputShape), filter.id, dy.id]);
  }

  conv3dFilterGrad(x: Tensor, filterShape: Shape, dy: Tensor, window: Window): Tensor {
    return this.#run('Conv3DBackpropFilterV2', this.#window(x.dtype, window), [x.id, this.#ints(filterShape), dy.id]);
  }

  maxPool3d(x: Tensor): Tensor {
    return this.#run('MaxPool3D', [this.#attributes.type('T', x.dtype), ...this.#pool()], [x.id]);
  }

  maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor {
    const types = [this.#attributes.type('T', dy.dtype), this.#attributes.type('TInput', x.dtype)];
    return this.#run('MaxPool3DGrad', [...types, ...this.#pool()], [x.id, y.id, dy.id]);
  }

  // Normalisation

  batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; moments: NormMoments } {
    const none = this.#constant(new Float32Array(0), [0], 'float32');
    const flat = this.#fourAxes(x);
    const results = this.#binding.executeOp(
      'FusedBatchNormV3',
      [...this.#norm(x.dtype, epsilon, true), this.#attributes.float('exponential_avg_factor', 1)],
      [flat, gamma.id, beta.id, none, none],
      6,
    );
    this.#binding.deleteTensor(none);
    this.#binding.deleteTensor(flat);
    const [, mean, variance, ...reserved] = results.map((r) => r.id);
    const vector = (id: number | undefined) => this.#ledger.open(id!, gamma.shape, 'float32');
    const y = this.#shaped(results[0]!.id, x);
    return { y, moments: { mean: vector(mean), variance: vector(variance), reserved: reserved.map(vector) } };
  }

  batchNormGrad(dy: Tensor, x: Tensor, gamma: Tensor, moments: NormMoments, epsilon: number) {
    const flatDy = this.#fourAxes(dy);
    const flatX = this.#fourAxes(x);
    const results = this.#binding.executeOp(
      'FusedBatchNormGradV3',
      this.#norm(x.dtype, epsilon, true),
      [flatDy, flatX, gamma.id, ...moments.reserved.map((t) => t.id)],
      5,
    );
    for (const id of [flatDy, flatX, results[3]!.id, results[4]!.id]) this.#binding.deleteTensor(id);
    const vector = (index: number) => this.#ledger.open(results[index]!.id, gamma.shape, 'float32');
    return { dx: this.#shaped(results[0]!.id, x), dgamma: vector(1), dbeta: vector(2) };
  }

  batchNormInference(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor {
    const flat = this.#fourAxes(x);
    const results = this.#binding.executeOp(
      'FusedBatchNormV3',
      [...this.#norm(x.dtype, epsilon, false), this.#attributes.float('exponential_avg_factor', 1)],
      [flat, gamma.id, beta.id, mean.id, variance.id],
      6,
    );
    this.#binding.deleteTensor(flat);
    for (const { id } of results.slice(1)) this.#binding.deleteTensor(id);
    return this.#shaped(results[0]!.id, x);
  }

  // Elementwise

  relu = (x: Tensor): Tensor => this.#unary('Relu', x);
  reluGrad = (dy: Tensor, y: Tensor): Tensor =>
    this.#run('ReluGrad', [this.#attributes.type('T', dy.dtype)], [dy.id, y.id]);
  exp = (x: Tensor): Tensor => this.#unary('Exp', x);
  log = (x: Tensor): Tensor => this.#unary('Log', x);
  sqrt = (x: Tensor): Tensor => this.#unary('Sqrt', x);
  rsqrt = (x: Tensor): Tensor => this.#unary('Rsqrt', x);
  square = (x: Tensor): Tensor => this.#unary('Square', x);
  erf = (x: Tensor): Tensor => this.#unary('Erf', x);
  add = (a: Tensor, b: Operand): Tensor => this.#binary('AddV2', a, b);
  sub = (a: Tensor, b: Operand): Tensor => this.#binary('Sub', a, b);
  mul = (a: Tensor, b: Operand): Tensor => this.#binary('Mul', a, b);
  div = (a: Tensor, b: Operand): Tensor => this.#binary('RealDiv', a, b);
  maximum = (a: Tensor, b: Operand): Tensor => this.#binary('Maximum', a, b);
  greater = (a: Tensor, b: Operand): Tensor => this.#comparison('Greater', a, b);
  greaterEqual = (a: Tensor, b: Operand): Tensor => this.#comparison('GreaterEqual', a, b);

  // Along axes

  sum = (x: Tensor, axes: readonly number[], keepDims = false): Tensor => this.#reduction('Sum', x, axes, keepDims);
  mean = (x: Tensor, axes: readonly number[], keepDims = false): Tensor => this.#reduction('Mean', x, axes, keepDims);
  max = (x: Tensor, axes: readonly number[], keepDims = false): Tensor => this.#reduction('Max', x, axes, keepDims);

  argMax(x: Tensor): Tensor {
    const a = this.#attributes;
    const types = [a.type('T', x.dtype), a.type('Tidx', 'int32'), a.type('output_type', 'int32')];
    return this.#withScalar(x.shape.length - 1, 'int32', (axis) => this.#run('ArgMax', types, [x.id, axis]));
  }

  softmax = (x: Tensor): Tensor => this.#unary('Softmax', x);
  logSoftmax = (x: Tensor): Tensor => this.#unary('LogSoftmax', x);

  oneHot(indices: Tensor, depth: number): Tensor {
    const a = this.#attributes;
    const types = [a.type('T', 'float32'), a.type('TI', 'int32'), a.int('axis', -1)];
    return this.#withScalar(depth, 'int32', (d) =>
      this.#withScalar(1, 'float32', (on) =>
        this.#withScalar(0, 'float32', (off) => this.#run('OneHot', types, [indices.id, d, on, off])),
      ),
    );
  }

  // Products and layout

  matMul(a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor {
    const { transposeA = false, transposeB = false } = options;
    const flat = a.shape.length === 2 && b.shape.length === 2;
    const names = flat ? ['transpose_a', 'transpose_b'] : ['adj_x', 'adj_y'];
    const attributes = [
      this.#attributes.type('T', a.dtype),
      this.#attributes.bool(names[0]!, transposeA),
      this.#attributes.bool(names[1]!, transposeB),
    ];
    return this.#run(flat ? 'MatMul' : 'BatchMatMulV2', attributes, [a.id, b.id]);
  }

  reshape = (x: Tensor, shape: Shape): Tensor => this.#layout('Reshape', 'Tshape', x, shape);
  transpose = (x: Tensor, permutation: readonly number[]): Tensor => this.#layout('Transpose', 'Tperm', x, permutation);
  broadcastTo = (x: Tensor, shape: Shape): Tensor => this.#layout('BroadcastTo', 'Tidx', x, shape);

  concat(xs: readonly Tensor[], axis: number): Tensor {
    const a = this.#attributes;
    const attributes = [a.type('T', xs[0]!.dtype), a.type('Tidx', 'int32'), a.int('N', xs.length)];
    return this.#withScalar(axis, 'int32', (at) => this.#run('ConcatV2', attributes, [...xs.map((x) => x.id), at]));
  }

  slice(x: Tensor, begin: Shape, size: Shape): Tensor {
    const attributes = [this.#attributes.type('T', x.dtype), this.#attributes.type('Index', 'int32')];
    return this.#run('Slice', attributes, [x.id, this.#ints(begin), this.#ints(size)]);
  }

  pad(x: Tensor, before: Shape, after: Shape): Tensor {
    const rank = x.shape.length;
    const pairs = Int32Array.from({ length: 2 * rank }, (_, i) => (i % 2 === 0 ? before : after)[i >> 1]!);
    const paddings = this.#constant(pairs, [rank, 2], 'int32');
    const attributes = [this.#attributes.type('T', x.dtype), this.#attributes.type('Tpaddings', 'int32')];
    const y = this.#run('Pad', attributes, [x.id, paddings]);
    this.#binding.deleteTensor(paddings);
    return y;
  }

  gatherRows(x: Tensor, indices: Tensor): Tensor {
    const a = this.#attributes;
    const types = [a.type('Tparams', x.dtype), a.type('Tindices', 'int32'), a.type('Taxis', 'int32')];
    const attributes = [...types, a.int('batch_dims', 0)];
    return this.#withScalar(0, 'int32', (axis) => this.#run('GatherV2', attributes, [x.id, indices.id, axis]));
  }

  scatterAddRows(rows: Tensor, indices: Tensor, n: number): Tensor {
    const a = this.#attributes;
    const types = [a.type('T', rows.dtype), a.type('Tindices', 'int32'), a.type('Tnumsegments', 'int32')];
    return this.#withScalar(n, 'int32', (count) =>
      this.#run('UnsortedSegmentSum', types, [rows.id, indices.id, count]),
    );
  }

  // Variables

  variable = (values: Float32Array, shape: Shape): Variable => this.#variables.create(values, shape);
  read = (variable: Variable): Tensor => this.#ledger.open(this.#variables.read(variable), variable.shape, 'float32');
  assign = (variable: Variable, value: Tensor): void => this.#variables.assign(variable, value.id);
  release = (...variables: Variable[]): void => variables.forEach((variable) => this.#variables.release(variable));
  applyMomentum = (weights: Variable, velocity: Variable, gradient: Tensor, settings: MomentumSettings): void =>
    this.#variables.applyMomentum(weights, velocity, gradient.id, settings);
  applyAverage = (average: Variable, value: Tensor, decay: number): void =>
    this.#variables.applyAverage(average, value.id, decay);

  // Calls

  #run(op: string, attributes: readonly Attribute[], inputs: readonly number[]): Tensor {
    const [result] = this.#binding.executeOp(op, attributes, inputs, 1);
    return this.#ledger.open(result!.id, result!.shape, dtypeOf(result!.dtype));
  }

  #unary(op: string, x: Tensor): Tensor {
    return this.#run(op, [this.#attributes.type('T', x.dtype)], [x.id]);
  }

  #binary(op: string, a: Tensor, b: Operand): Tensor {
    const attributes = [this.#attributes.type('T', a.dtype)];
    if (typeof b !== 'number') return this.#run(op, attributes, [a.id, b.id]);
    return this.#withScalar(b, a.dtype, (scalar) => this.#run(op, attributes, [a.id, scalar]));
  }

  /** TensorFlow compares into bool; the ops speak of masks in float32. */
  #comparison(op: string, a: Tensor, b: Operand): Tensor {
    const compare = (right: number) => {
      const [mask] = this.#binding.executeOp(op, [this.#attributes.type('T', a.dtype)], [a.id, right], 1);
      const types = [this.#attributes.typeNumber('SrcT', BOOL_NUMBER), this.#attributes.type('DstT', 'float32')];
      const y = this.#run('Cast', [...types, this.#attributes.bool('Truncate', false)], [mask!.id]);
      this.#binding.deleteTensor(mask!.id);
      return y;
    };
    return typeof b === 'number' ? this.#withScalar(b, a.dtype, compare) : compare(b.id);
  }

  #reduction(op: string, x: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
    const a = this.#attributes;
    const attributes = [a.type('T', x.dtype), a.type('Tidx', 'int32'), a.bool('keep_dims', keepDims)];
    return this.#run(op, attributes, [x.id, this.#ints(axes)]);
  }

  #layout(op: string, indexType: string, x: Tensor, numbers: readonly number[]): Tensor {
    const attributes = [this.#attributes.type('T', x.dtype), this.#attributes.type(indexType, 'int32')];
    return this.#run(op, attributes, [x.id, this.#ints(numbers)]);
  }

  #window(dtype: DType, { stride, padding }: Window): Attribute[] {
    const a = this.#attributes;
    const layout = [a.string('data_format', 'NDHWC'), a.int('dilations', [1, 1, 1, 1, 1])];
    return [
      a.type('T', dtype),
      a.int('strides', [1, stride, stride, stride, 1]),
      a.string('padding', padding),
      ...layout,
    ];
  }

  #pool(): Attribute[] {
    const a = this.#attributes;
    const sides = [a.int('ksize', [1, 2, 2, 2, 1]), a.int('strides', [1, 2, 2, 2, 1])];
    return [...sides, a.string('padding', 'VALID'), a.string('data_format', 'NDHWC')];
  }

  #norm(dtype: DType, epsilon: number, training: boolean): Attribute[] {
    const a = this.#attributes;
    const types = [a.type('T', dtype), a.type('U', 'float32'), a.float('epsilon', epsilon)];
    return [...types, a.string('data_format', 'NHWC'), a.bool('is_training', training)];
  }

  /** Fused batch norm takes four axes: a view [n, 1, 1, c]-like of any x [..., c]. Belongs to the caller, unbooked. */
  #fourAxes(x: Tensor): number {
    const c = x.shape.at(-1)!;
    const attributes = [this.#attributes.type('T', x.dtype), this.#attributes.type('Tshape', 'int32')];
    const view = this.#ints([sizeOf(x.shape) / c, 1, 1, c]);
    return this.#binding.executeOp('Reshape', attributes, [x.id, view], 1)[0]!.id;
  }

  #shaped(id: number, like: Tensor): Tensor {
    const attributes = [this.#attributes.type('T', like.dtype), this.#attributes.type('Tshape', 'int32')];
    const y = this.#run('Reshape', attributes, [id, this.#ints(like.shape)]);
    this.#binding.deleteTensor(id);
    return y;
  }

  #ints(values: readonly number[]): number {
    const key = values.join(',');
    let id = this.#integers.get(key);
    if (id === undefined) {
      id = this.#constant(Int32Array.from(values), [values.length], 'int32');
      this.#integers.set(key, id);
    }
    return id;
  }

  #constant(values: Float32Array | Int32Array, shape: Shape, dtype: 'float32' | 'int32'): number {
    return this.#binding.createTensor(shape, TYPE_NUMBER[dtype], values);
  }

  #withScalar<T>(value: number, dtype: DType, body: (id: number) => T): T {
    let id = this.#constant(
      dtype === 'int32' ? Int32Array.of(value) : Float32Array.of(value),
      [],
      dtype === 'int32' ? 'int32' : 'float32',
    );
    if (dtype === 'bfloat16') {
      const a = this.#attributes;
      const types = [a.type('SrcT', 'float32'), a.type('DstT', dtype), a.bool('Truncate', false)];
      const narrow = this.#binding.executeOp('Cast', types, [id], 1)[0]!.id;
      this.#binding.deleteTensor(id);
      id = narrow;
    }
    try {
      return body(id);
    } finally {
      this.#binding.deleteTensor(id);
    }
  }
}
