import { BOOL_NUMBER, type Attribute, type NativeBinding } from './native-binding.js';
import { NativeCalls } from './native-calls.js';
import { NativeVariables } from './native-variables.js';
import { isFasterTurned, isWrongFilterGrad, isWrongForward } from './native-windows.js';
import type { MomentumSettings, NormMoments, Operand, Ops, Window } from './ops.js';
import { rowTiling } from './row-tiling.js';
import { sizeOf, type DType, type Shape, type Tensor, type Variable } from './tensor.js';

/**
 * `Ops` over TensorFlow's eager ops, called through the tfjs-node addon without TF.js between: about 4 us a call, no
 * tape, and the fused kernels that TF.js does not name. One instance per process: it owns every handle it makes.
 */
export class NativeOps implements Ops {
  readonly name: string = 'native';
  readonly #calls: NativeCalls;
  readonly #variables: NativeVariables;
  /** An empty vector: moments that a norm is not given. */
  #nothing: number | undefined;

  constructor(
    binding: NativeBinding,
    /** What float32 values of the host become. */
    private readonly real: 'float32' | 'float64' = 'float32',
  ) {
    this.#calls = new NativeCalls(binding);
    this.#variables = new NativeVariables(this.#calls, real);
  }

  // Borders

  fromHost(values: Float32Array | Int32Array, shape: Shape): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(
        `fromHost: expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${values.length}`,
      );
    }
    const dtype = values instanceof Float32Array ? this.real : 'int32';
    return this.#calls.ledger.open(this.#calls.upload(values, shape, dtype), [...shape], dtype);
  }

  toHost(x: Tensor): Float32Array | Int32Array {
    const { binding } = this.#calls;
    if (x.dtype === 'float32' || x.dtype === 'int32') return binding.tensorDataSync(x.id) as Float32Array | Int32Array;
    const converted = this.cast(x, 'float32');
    const values = binding.tensorDataSync(converted.id) as Float32Array;
    this.dispose(converted);
    return values;
  }

  dispose(...tensors: Tensor[]): void {
    this.#calls.ledger.close(tensors);
  }

  tidy<T>(body: () => T): T {
    return this.#calls.ledger.tidy(body);
  }

  tensorCount(): number {
    return this.#calls.ledger.count;
  }

  cast(x: Tensor, dtype: DType): Tensor {
    return this.#calls.run('Cast', this.#attributes.cast(x.dtype, dtype), [x.id]);
  }

  // Windows over volumes

  conv3d(x: Tensor, filter: Tensor, window: Window): Tensor {
    if (isWrongForward(x)) return this.#inFloat32([x, filter], (a, f) => this.conv3d(a, f, window));
    return this.#calls.run('Conv3D', this.#attributes.window(x.dtype, window), [x.id, filter.id]);
  }

  conv3dInputGrad(inputShape: Shape, filter: Tensor, dy: Tensor, window: Window): Tensor {
    if (isWrongForward(dy)) {
      return this.#inFloat32([filter, dy], (f, d) => this.conv3dInputGrad(inputShape, f, d, window));
    }
    if (isFasterTurned(filter, window)) return this.tidy(() => this.conv3d(dy, this.#turned(filter), window));
    const attributes = [...this.#attributes.window(dy.dtype, window), this.#attributes.type('Tshape', 'int32')];
    return this.#calls.run('Conv3DBackpropInputV2', attributes, [this.#integers(inputShape), filter.id, dy.id]);
  }

  conv3dFilterGrad(x: Tensor, filterShape: Shape, dy: Tensor, window: Window): Tensor {
    if (isWrongFilterGrad(x)) {
      return this.#inFloat32([x, dy], (a, d) => this.conv3dFilterGrad(a, filterShape, d, window));
    }
    const inputs = [x.id, this.#integers(filterShape), dy.id];
    return this.#calls.run('Conv3DBackpropFilterV2', this.#attributes.window(x.dtype, window), inputs);
  }

  maxPool3d(x: Tensor): Tensor {
    return this.#calls.run('MaxPool3D', [this.#type('T', x.dtype), ...this.#attributes.pool()], [x.id]);
  }

  maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor {
    const types = [this.#type('T', dy.dtype), this.#type('TInput', x.dtype)];
    return this.#calls.run('MaxPool3DGrad', [...types, ...this.#attributes.pool()], [x.id, y.id, dy.id]);
  }

  // Normalisation

  batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; moments: NormMoments } {
    this.#nothing ??= this.#calls.upload(new Float32Array(0), [0], 'float32');
    const flat = this.#calls.fourAxes(x);
    const inputs = [flat, gamma.id, beta.id, this.#nothing, this.#nothing];
    const attributes = [
      ...this.#attributes.norm(x.dtype, epsilon),
      this.#attributes.float('exponential_avg_factor', 1),
    ];
    const [y, ...rest] = this.#calls.binding.executeOp('FusedBatchNormV3', attributes, inputs, 6);
    this.#calls.binding.deleteTensor(flat);
    const [mean, variance, ...reserved] = rest.map(({ id }) => this.#calls.ledger.open(id, gamma.shape, 'float32'));
    return { y: this.#calls.shaped(y.id, x), moments: { mean, variance, reserved } };
  }

  batchNormGrad(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    moments: NormMoments,
    epsilon: number,
  ): { dx: Tensor; dgamma: Tensor; dbeta: Tensor } {
    const { binding, ledger } = this.#calls;
    const [flatDy, flatX] = [this.#calls.fourAxes(dy), this.#calls.fourAxes(x)];
    const inputs = [flatDy, flatX, gamma.id, ...moments.reserved.map(({ id }) => id)];
    const results = binding.executeOp('FusedBatchNormGradV3', this.#attributes.norm(x.dtype, epsilon), inputs, 5);
    for (const id of [flatDy, flatX, results[3].id, results[4].id]) binding.deleteTensor(id);
    const vector = (index: number) => ledger.open(results[index].id, gamma.shape, 'float32');
    return { dx: this.#calls.shaped(results[0].id, x), dgamma: vector(1), dbeta: vector(2) };
  }

  /** In two passes over x: TensorFlow's fused kernel takes ten times as long with given moments as with the batch's. */
  batchNormInference(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor {
    return this.tidy(() => {
      const scale = this.mul(gamma, this.rsqrt(this.add(variance, epsilon)));
      const wide = x.dtype === 'bfloat16' ? this.cast(x, 'float32') : x;
      const y = this.add(this.mul(wide, scale), this.sub(beta, this.mul(mean, scale)));
      return x.dtype === 'bfloat16' ? this.cast(y, 'bfloat16') : y;
    });
  }

  // Elementwise

  relu = (x: Tensor): Tensor => this.#unary('Relu', x);
  reluGrad = (dy: Tensor, y: Tensor): Tensor => this.#calls.run('ReluGrad', [this.#type('T', dy.dtype)], [dy.id, y.id]);
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

  argMax(x: Tensor, axis: number): Tensor {
    const types = [this.#type('T', x.dtype), this.#type('Tidx', 'int32'), this.#type('output_type', 'int32')];
    return this.#calls.run('ArgMax', types, [x.id, this.#calls.scalar(axis, 'int32')]);
  }

  softmax = (x: Tensor): Tensor => this.#unary('Softmax', x);
  logSoftmax = (x: Tensor): Tensor => this.#unary('LogSoftmax', x);

  oneHot(indices: Tensor, depth: number): Tensor {
    const types = [this.#type('T', this.real), this.#type('TI', 'int32'), this.#attributes.int('axis', -1)];
    const scalars = [
      this.#calls.scalar(depth, 'int32'),
      ...[1, 0].map((value) => this.#calls.scalar(value, this.real)),
    ];
    return this.#calls.run('OneHot', types, [indices.id, ...scalars]);
  }

  // Products and layout

  matMul(a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor {
    const { transposeA = false, transposeB = false } = options;
    const flat = a.shape.length === 2 && b.shape.length === 2;
    const [left, right] = flat ? ['transpose_a', 'transpose_b'] : ['adj_x', 'adj_y'];
    const flags = [this.#attributes.bool(left, transposeA), this.#attributes.bool(right, transposeB)];
    return this.#calls.run(flat ? 'MatMul' : 'BatchMatMulV2', [this.#type('T', a.dtype), ...flags], [a.id, b.id]);
  }

  reshape = (x: Tensor, shape: Shape): Tensor => this.#layout('Reshape', 'Tshape', x, shape);
  transpose = (x: Tensor, permutation: readonly number[]): Tensor => this.#layout('Transpose', 'Tperm', x, permutation);
  broadcastTo = (x: Tensor, shape: Shape): Tensor => this.#layout('BroadcastTo', 'Tidx', x, shape);

  concat(xs: readonly Tensor[], axis: number): Tensor {
    const attributes = [
      this.#type('T', xs[0].dtype),
      this.#type('Tidx', 'int32'),
      this.#attributes.int('N', xs.length),
    ];
    const ids = xs.map(({ id }) => id);
    return this.#calls.run('ConcatV2', attributes, [...ids, this.#calls.scalar(axis, 'int32')]);
  }

  slice(x: Tensor, begin: Shape, size: Shape): Tensor {
    const types = [this.#type('T', x.dtype), this.#type('Index', 'int32')];
    return this.#calls.run('Slice', types, [x.id, this.#integers(begin), this.#integers(size)]);
  }

  pad(x: Tensor, before: Shape, after: Shape): Tensor {
    const rank = x.shape.length;
    const pairs = Int32Array.from({ length: 2 * rank }, (_, i) => (i % 2 === 0 ? before : after)[i >> 1]);
    const paddings = this.#calls.upload(pairs, [rank, 2], 'int32');
    const y = this.#calls.run('Pad', [this.#type('T', x.dtype), this.#type('Tpaddings', 'int32')], [x.id, paddings]);
    this.#calls.binding.deleteTensor(paddings);
    return y;
  }

  gatherRows(x: Tensor, indices: Tensor): Tensor {
    const types = [this.#type('Tparams', x.dtype), this.#type('Tindices', 'int32'), this.#type('Taxis', 'int32')];
    const attributes = [...types, this.#attributes.int('batch_dims', 0)];
    return this.#calls.run('GatherV2', attributes, [x.id, indices.id, this.#calls.scalar(0, 'int32')]);
  }

  scatterAddRows(rows: Tensor, indices: Tensor, n: number): Tensor {
    const types = [this.#type('T', rows.dtype), this.#type('Tindices', 'int32'), this.#type('Tnumsegments', 'int32')];
    return this.#calls.run('UnsortedSegmentSum', types, [rows.id, indices.id, this.#calls.scalar(n, 'int32')]);
  }

  // Variables

  variable = (values: Float32Array, shape: Shape): Variable => this.#variables.create(values, shape);
  read = (variable: Variable, dtype: DType = this.real): Tensor => this.#variables.read(variable, dtype);
  assign = (variable: Variable, value: Tensor): void => this.#variables.assign(variable, value.id);
  release = (...variables: Variable[]): void => variables.forEach((variable) => this.#variables.release(variable));
  applyMomentum = (weights: Variable, velocity: Variable, gradient: Tensor, settings: MomentumSettings): void =>
    this.#variables.applyMomentum(weights, velocity, gradient.id, settings);
  applyAverage = (average: Variable, value: Tensor, decay: number): void =>
    this.#variables.applyAverage(average, value.id, decay);

  // Calls

  get #attributes() {
    return this.#calls.attributes;
  }

  #type(name: string, dtype: DType): Attribute {
    return this.#attributes.type(name, dtype);
  }

  #integers(values: readonly number[]): number {
    return this.#calls.integers(values);
  }

  #unary(op: string, x: Tensor): Tensor {
    return this.#calls.run(op, [this.#type('T', x.dtype)], [x.id]);
  }

  #binary(op: string, a: Tensor, b: Operand): Tensor {
    const type = [this.#type('T', a.dtype)];
    const tiling = typeof b === 'number' ? null : rowTiling(a.shape, b.shape);
    if (typeof b === 'number' || tiling === null) return this.#calls.run(op, type, [a.id, this.#operand(b, a.dtype)]);
    return this.tidy(() => {
      const row = this.reshape(this.broadcastTo(this.reshape(b, tiling.vector), tiling.repeated), tiling.row);
      return this.reshape(this.#calls.run(op, type, [this.reshape(a, tiling.rows).id, row.id]), a.shape);
    });
  }

  #inFloat32([a, b]: [Tensor, Tensor], compute: (a: Tensor, b: Tensor) => Tensor): Tensor {
    return this.tidy(() => this.cast(compute(this.cast(a, 'float32'), this.cast(b, 'float32')), 'bfloat16'));
  }

  /** [kh, kw, kd, in, out] -> the filter [kh, kw, kd, out, in] that a convolution with it is transposed by. */
  #turned(filter: Tensor): Tensor {
    const types = [this.#type('T', filter.dtype), this.#type('Tidx', 'int32')];
    const reversed = this.#calls.run('ReverseV2', types, [filter.id, this.#integers([0, 1, 2])]);
    return this.transpose(reversed, [0, 1, 2, 4, 3]);
  }

  /** TensorFlow compares into bool; the ops speak of masks of numbers. */
  #comparison(op: string, a: Tensor, b: Operand): Tensor {
    const mask = this.#calls.raw(op, [this.#type('T', a.dtype)], [a.id, this.#operand(b, a.dtype)]);
    const y = this.#calls.run('Cast', this.#attributes.cast(BOOL_NUMBER, this.real), [mask]);
    this.#calls.binding.deleteTensor(mask);
    return y;
  }

  #operand(b: Operand, dtype: DType): number {
    return typeof b === 'number' ? this.#calls.scalar(b, dtype) : b.id;
  }

  #reduction(op: string, x: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
    const types = [this.#type('T', x.dtype), this.#type('Tidx', 'int32')];
    return this.#calls.run(op, [...types, this.#attributes.bool('keep_dims', keepDims)], [x.id, this.#integers(axes)]);
  }

  #layout(op: string, indexType: string, x: Tensor, numbers: readonly number[]): Tensor {
    const types = [this.#type('T', x.dtype), this.#type(indexType, 'int32')];
    return this.#calls.run(op, types, [x.id, this.#integers(numbers)]);
  }
}
