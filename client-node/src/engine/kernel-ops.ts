import * as tf from '@tensorflow/tfjs-core';
import type { MomentumSettings, NormMoments, Operand, Ops, Window } from './ops.js';
import { HandleLedger, sizeOf, type DType, type Shape, type Tensor, type Variable } from './tensor.js';

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/**
 * `Ops` over TF.js's kernels in plain JavaScript: right, and about 150 times slower than TensorFlow. For tests, for a
 * tiny demo, and as the second opinion on the native ops. Not over WASM: its 3D gradients are wrong in 4.22.
 */
export class KernelOps implements Ops {
  readonly name = 'kernel';
  readonly #tensors = new Map<number, tf.Tensor>();
  readonly #variables = new Map<number, tf.Variable>();
  /** Ids of values that were read since a variable's last update, by the variable's. */
  readonly #lent = new Map<number, number>();
  readonly #ledger: HandleLedger;
  #lastId = 0;

  private constructor() {
    this.#ledger = new HandleLedger((id) => {
      this.#tensors.get(id)?.dispose();
      this.#tensors.delete(id);
    });
  }

  static async open(): Promise<KernelOps> {
    // Otherwise TF.js advertises a faster package on the console at the first tensor.
    tf.enableProdMode();
    await import('@tensorflow/tfjs-backend-cpu');
    if (!(await tf.setBackend('cpu'))) throw new Error('kernel ops: the TF.js CPU backend does not start');
    return new KernelOps();
  }

  // Borders

  fromHost(values: Float32Array | Int32Array, shape: Shape): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(
        `fromHost: expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${values.length}`,
      );
    }
    const dtype = values instanceof Float32Array ? 'float32' : 'int32';
    // The backend keeps the array it is given.
    return this.#open(tf.tensor(values.slice(), [...shape], dtype));
  }

  toHost(x: Tensor): Float32Array | Int32Array {
    return this.#get(x).dataSync<'float32' | 'int32'>().slice();
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
    if (dtype === 'bfloat16' || dtype === 'float64') {
      throw new RangeError(`cast: expected float32 or int32, got ${dtype} (native ops only)`);
    }
    return this.#run(() => tf.cast(this.#get(x), dtype));
  }

  // Windows over volumes

  conv3d(x: Tensor, filter: Tensor, window: Window): Tensor {
    return this.#kernel('Conv3D', { x, filter }, windowAttributes(window));
  }

  conv3dInputGrad(inputShape: Shape, filter: Tensor, dy: Tensor, window: Window): Tensor {
    return this.#kernel('Conv3DBackpropInputV2', { dy, filter }, { ...windowAttributes(window), inputShape });
  }

  conv3dFilterGrad(x: Tensor, filterShape: Shape, dy: Tensor, window: Window): Tensor {
    return this.#kernel('Conv3DBackpropFilterV2', { x, dy }, { ...windowAttributes(window), filterShape });
  }

  maxPool3d(x: Tensor): Tensor {
    return this.#kernel('MaxPool3D', { x }, poolAttributes);
  }

  maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor {
    return this.#kernel('MaxPool3DGrad', { dy, input: x, output: y }, poolAttributes);
  }

  // Normalisation; `reserved` holds 1 / sqrt(biased variance + epsilon)

  batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; moments: NormMoments } {
    const [y, mean, variance, scale] = this.#runAll(() => {
      const values = this.#get(x);
      const moments = tf.moments(values, outerAxes(x));
      const inverse = tf.rsqrt(tf.add(moments.variance, epsilon));
      const normalised = tf.mul(tf.sub(values, moments.mean), inverse);
      const count = sizeOf(x.shape) / gamma.shape[0];
      const unbiased = tf.mul(moments.variance, count / Math.max(count - 1, 1));
      const output = tf.add(tf.mul(normalised, this.#get(gamma)), this.#get(beta));
      return [output, moments.mean, unbiased, inverse];
    });
    return { y: y, moments: { mean: mean, variance: variance, reserved: [scale] } };
  }

  batchNormGrad(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    moments: NormMoments,
  ): { dx: Tensor; dgamma: Tensor; dbeta: Tensor } {
    const [dx, dgamma, dbeta] = this.#runAll(() => {
      const inverse = this.#get(moments.reserved[0]);
      const upstream = this.#get(dy);
      const normalised = tf.mul(tf.sub(this.#get(x), this.#get(moments.mean)), inverse);
      const shiftGradient = tf.sum(upstream, outerAxes(x));
      const scaleGradient = tf.sum(tf.mul(upstream, normalised), outerAxes(x));
      const count = sizeOf(x.shape) / gamma.shape[0];
      const common = tf.div(tf.add(shiftGradient, tf.mul(normalised, scaleGradient)), count);
      const gradient = tf.mul(tf.mul(this.#get(gamma), inverse), tf.sub(upstream, common));
      return [gradient, scaleGradient, shiftGradient];
    });
    return { dx: dx, dgamma: dgamma, dbeta: dbeta };
  }

  batchNormInference(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor {
    return this.#run(() => {
      const scale = tf.mul(tf.rsqrt(tf.add(this.#get(variance), epsilon)), this.#get(gamma));
      return tf.add(tf.mul(tf.sub(this.#get(x), this.#get(mean)), scale), this.#get(beta));
    });
  }

  // Elementwise

  relu = (x: Tensor): Tensor => this.#run(() => tf.relu(this.#get(x)));
  reluGrad = (dy: Tensor, y: Tensor): Tensor =>
    this.#run(() => tf.mul(this.#get(dy), tf.cast(tf.greater(this.#get(y), 0), 'float32')));
  exp = (x: Tensor): Tensor => this.#run(() => tf.exp(this.#get(x)));
  log = (x: Tensor): Tensor => this.#run(() => tf.log(this.#get(x)));
  sqrt = (x: Tensor): Tensor => this.#run(() => tf.sqrt(this.#get(x)));
  rsqrt = (x: Tensor): Tensor => this.#run(() => tf.rsqrt(this.#get(x)));
  square = (x: Tensor): Tensor => this.#run(() => tf.square(this.#get(x)));
  erf = (x: Tensor): Tensor => this.#run(() => tf.erf(this.#get(x)));
  add = (a: Tensor, b: Operand): Tensor => this.#binary(tf.add, a, b);
  sub = (a: Tensor, b: Operand): Tensor => this.#binary(tf.sub, a, b);
  mul = (a: Tensor, b: Operand): Tensor => this.#binary(tf.mul, a, b);
  div = (a: Tensor, b: Operand): Tensor => this.#binary(tf.div, a, b);
  maximum = (a: Tensor, b: Operand): Tensor => this.#binary(tf.maximum, a, b);
  greater = (a: Tensor, b: Operand): Tensor => this.#binary((x, y) => tf.cast(tf.greater(x, y), 'float32'), a, b);
  greaterEqual = (a: Tensor, b: Operand): Tensor =>
    this.#binary((x, y) => tf.cast(tf.greaterEqual(x, y), 'float32'), a, b);

  // Along axes

  sum = (x: Tensor, axes: readonly number[], keepDims = false): Tensor =>
    this.#run(() => tf.sum(this.#get(x), [...axes], keepDims));
  mean = (x: Tensor, axes: readonly number[], keepDims = false): Tensor =>
    this.#run(() => tf.mean(this.#get(x), [...axes], keepDims));
  max = (x: Tensor, axes: readonly number[], keepDims = false): Tensor =>
    this.#run(() => tf.max(this.#get(x), [...axes], keepDims));
  argMax = (x: Tensor, axis: number): Tensor => this.#run(() => tf.argMax(this.#get(x), axis));
  softmax = (x: Tensor): Tensor => this.#run(() => tf.softmax(this.#get(x)));
  logSoftmax = (x: Tensor): Tensor => this.#run(() => tf.logSoftmax(this.#get(x)));
  oneHot = (indices: Tensor, depth: number): Tensor =>
    this.#run(() => tf.oneHot(this.#get(indices), depth, 1, 0, 'float32'));

  // Products and layout

  matMul(a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor {
    return this.#run(() => tf.matMul(this.#get(a), this.#get(b), options.transposeA, options.transposeB));
  }

  reshape = (x: Tensor, shape: Shape): Tensor => this.#run(() => tf.reshape(this.#get(x), [...shape]));
  transpose = (x: Tensor, permutation: readonly number[]): Tensor =>
    this.#run(() => tf.transpose(this.#get(x), [...permutation]));
  broadcastTo = (x: Tensor, shape: Shape): Tensor => this.#run(() => tf.broadcastTo(this.#get(x), [...shape]));
  concat = (xs: readonly Tensor[], axis: number): Tensor => this.#run(() => tf.concat(xs.map(this.#get), axis));
  slice = (x: Tensor, begin: Shape, size: Shape): Tensor =>
    this.#run(() => tf.slice(this.#get(x), [...begin], [...size]));
  pad = (x: Tensor, before: Shape, after: Shape): Tensor =>
    this.#run(() => {
      const paddings = before.map((count, axis): [number, number] => [count, after[axis]]);
      return tf.pad(this.#get(x), paddings);
    });
  gatherRows = (x: Tensor, indices: Tensor): Tensor => this.#run(() => tf.gather(this.#get(x), this.#get(indices)));

  /** By hand: the kernel compares every index with every segment. */
  scatterAddRows(rows: Tensor, indices: Tensor, n: number): Tensor {
    const width = rows.shape[1];
    const values = this.#get(rows).dataSync();
    const sums = new Float32Array(n * width);
    this.#get(indices)
      .dataSync()
      .forEach((row, i) => {
        for (let column = 0; column < width; column++) sums[row * width + column] += values[i * width + column];
      });
    return this.#open(tf.tensor(sums, [n, width], 'float32'));
  }

  // Variables

  variable(values: Float32Array, shape: Shape): Variable {
    const id = (this.#lastId += 1);
    this.#variables.set(
      id,
      tf.tidy(() => tf.variable(tf.tensor(values.slice(), [...shape], 'float32'))),
    );
    return { id, shape: [...shape] };
  }

  read(variable: Variable, dtype: DType = 'float32'): Tensor {
    if (dtype !== 'float32') throw new RangeError(`read: expected float32, got ${dtype} (native ops only)`);
    let id = this.#lent.get(variable.id);
    if (id === undefined) {
      id = this.#lastId += 1;
      this.#lent.set(variable.id, id);
      this.#tensors.set(id, tf.clone(this.#variableOf(variable)));
    }
    return { id, shape: variable.shape, dtype };
  }

  assign(variable: Variable, value: Tensor): void {
    this.#update(variable, () => tf.clone(this.#get(value)));
  }

  release(...variables: Variable[]): void {
    for (const variable of variables) {
      this.#takeBack(variable);
      this.#variableOf(variable).dispose();
      this.#variables.delete(variable.id);
    }
  }

  applyMomentum(weights: Variable, velocity: Variable, gradient: Tensor, settings: MomentumSettings): void {
    const { learningRate, momentum, weightDecay } = settings;
    const total = this.#run(() => tf.add(this.#get(gradient), tf.mul(this.#variableOf(weights), weightDecay)));
    this.#update(velocity, () => tf.add(tf.mul(this.#variableOf(velocity), momentum), this.#get(total)));
    this.#update(weights, () => {
      const step = tf.add(this.#get(total), tf.mul(this.#variableOf(velocity), momentum));
      return tf.sub(this.#variableOf(weights), tf.mul(step, learningRate));
    });
    this.dispose(total);
  }

  applyAverage(average: Variable, value: Tensor, decay: number): void {
    this.#update(average, () => {
      const before = this.#variableOf(average);
      return tf.sub(before, tf.mul(tf.sub(before, this.#get(value)), 1 - decay));
    });
  }

  // Calls

  #get = (x: Tensor): tf.Tensor => {
    const tensor = this.#tensors.get(x.id);
    if (tensor === undefined) throw new Error(`kernel op: tensor ${x.id} of shape [${x.shape.join(', ')}] is not live`);
    return tensor;
  };

  #open(tensor: tf.Tensor): Tensor {
    const id = (this.#lastId += 1);
    this.#tensors.set(id, tensor);
    return this.#ledger.open(id, tensor.shape, tensor.dtype === 'int32' ? 'int32' : 'float32');
  }

  #run(compute: () => tf.Tensor): Tensor {
    return this.#open(tf.tidy(compute));
  }

  #runAll(compute: () => tf.Tensor[]): Tensor[] {
    return tf.tidy(compute).map((tensor) => this.#open(tensor));
  }

  #binary(compute: Binary, a: Tensor, b: Operand): Tensor {
    return this.#run(() => {
      const left = this.#get(a);
      return compute(left, typeof b === 'number' ? tf.scalar(b, left.dtype) : this.#get(b));
    });
  }

  #kernel(name: string, inputs: Record<string, Tensor>, attributes: object): Tensor {
    const tensors = Object.fromEntries(Object.entries(inputs).map(([key, x]) => [key, this.#get(x)]));
    return this.#run(() => tf.engine().runKernel(name, tensors, { ...attributes }));
  }

  #variableOf(variable: Variable): tf.Variable {
    const found = this.#variables.get(variable.id);
    if (found === undefined) throw new Error(`variable ${variable.id} of [${variable.shape.join(', ')}] is not live`);
    return found;
  }

  #update(variable: Variable, compute: () => tf.Tensor): void {
    const value = tf.tidy(compute);
    this.#takeBack(variable);
    this.#variableOf(variable).assign(value);
    value.dispose();
  }

  #takeBack({ id }: Variable): void {
    const lent = this.#lent.get(id);
    if (lent === undefined) return;
    this.#tensors.get(lent)?.dispose();
    this.#tensors.delete(lent);
    this.#lent.delete(id);
  }
}

const outerAxes = (x: Tensor): number[] => x.shape.slice(0, -1).map((_, axis) => axis);

const poolAttributes = { filterSize: 2, strides: 2, pad: 'valid' };

function windowAttributes({ stride, padding }: Window): object {
  return { strides: [stride, stride, stride], pad: padding.toLowerCase(), dilations: [1, 1, 1] };
}
