import type { InteractionShape } from '../model/model-tensors.js';
import type { ModelWeights } from './model-weights.js';
import { EPSILON, NetworkLayers, type Elementwise } from './network-layers.js';
import type { Value } from './tensor-graph.js';
import type { Attributes, TensorFlowGraph } from './tensorflow-graph.js';

const OPERATION: Record<Elementwise, string> = {
  Add: 'AddV2',
  Sub: 'Sub',
  Mul: 'Mul',
  Div: 'RealDiv',
  Relu: 'Relu',
  Erf: 'Erf',
  Equal: 'Equal',
  Where: 'SelectV2',
};
const VOXELS = [1, 2, 3] as const;
const INT32 = { element: 'int32' } as const;
const HALVING = {
  ksize: { integers: [1, 2, 2, 2, 1] },
  strides: { integers: [1, 2, 2, 2, 1] },
  padding: { text: 'VALID' },
} as const;

/** The layers in TensorFlow, features [n, h, w, d, c]: the only layout that its kernels for CPUs have. */
export class TensorFlowLayers extends NetworkLayers<TensorFlowGraph> {
  constructor(
    graph: TensorFlowGraph,
    weights: ModelWeights,
    /** [n, h, w, d, c] of the probabilities, which TensorFlow does not see through the transposed convolutions. */
    private readonly outputShape: readonly number[],
  ) {
    super(graph, weights);
  }

  conv(x: Value, name: string, { bias = true }: { bias?: boolean } = {}): Value {
    const [side] = this.weights(`${name}.weight`).shape;
    const convolved = this.#conv(x, this.parameter(`${name}.weight`), side === 2 ? 2 : 1);
    return bias ? this.#biased(convolved, this.parameter(`${name}.bias`)) : convolved;
  }

  /** A dense convolution whose kernel is spread onto a diagonal, as in client-node/src/crln/layers/kernel.ts. */
  depthwiseConv(x: Value, name: string): Value {
    const { shape, data } = this.weights(`${name}.weight`);
    const c = shape[4];
    const dense = new Float32Array(data.length * c);
    data.forEach((value, i) => (dense[i * c + (i % c)] = value));
    return this.#conv(x, this.constant(`${name}.weight`, [...shape.slice(0, 3), c, c], dense), 1);
  }

  /** The derivative of a halving convolution by its input: [n, h, w, d, in] -> [n, 2 h, 2 w, 2 d, out], at 3x3x3 one voxel longer. */
  transposedConv(x: Value, name: string): Value {
    const { graph } = this;
    const [side, , , outputs] = this.weights(`${name}.weight`).shape;
    const rest = side - 2;
    const sizes = graph.apply('Shape', [x], { out_type: INT32 });
    const doubled = graph.apply('Mul', [sizes, graph.integers(1, 2, 2, 2, 0)], { T: INT32 });
    const whole = graph.apply('AddV2', [doubled, graph.integers(0, rest, rest, rest, outputs)], { T: INT32 });
    const { strides, padding } = HALVING;
    const kernel = this.parameter(`${name}.weight`);
    const result = graph.apply('Conv3DBackpropInputV2', [whole, kernel, x], { Tshape: INT32, strides, padding });
    const cut = rest === 0 ? result : this.#withoutFirst(result);
    return this.#biased(cut, this.parameter(`${name}.bias`));
  }

  /** As one factor and one summand. */
  batchNorm(x: Value, name: string): Value {
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => this.weights(`${name}.${part}`).data,
    );
    const factor = gamma.map((value, c) => value / Math.sqrt(variance[c] + EPSILON));
    const summand = beta.map((value, c) => value - (mean[c] * gamma[c]) / Math.sqrt(variance[c] + EPSILON));
    const scaled = this.elementwise('Mul', x, this.constant(`${name}.factor`, [factor.length], factor));
    return this.#biased(scaled, this.constant(`${name}.summand`, [summand.length], summand));
  }

  instanceNorm(x: Value): Value {
    return this.#standardised(x, VOXELS);
  }

  maxPool(x: Value): Value {
    return this.graph.apply('MaxPool3D', [x], HALVING);
  }

  concat(a: Value, b: Value): Value {
    return this.graph.apply('ConcatV2', [a, b, this.graph.integer(4)], { N: { integer: 2 }, Tidx: INT32 });
  }

  extreme(x: Value, which: 'Min' | 'Max'): Value {
    return this.#reduced(which, x, VOXELS);
  }

  probabilities(logits: Value, output: string): Value {
    return this.graph.apply('EnsureShape', [this.softmax(logits)], { shape: { shape: this.outputShape } }, output);
  }

  tokens(x: Value, { features, space }: InteractionShape): Value {
    return this.#reshape(x, -1, voxels(space), features);
  }

  features(maps: Value, channels: number, space: InteractionShape['space']): Value {
    const perSample = this.#reshape(maps, -1, channels, voxels(space));
    return this.#reshape(this.transpose(perSample, 0, 2, 1), -1, ...space, channels);
  }

  multiply(a: Value, b: Value): Value {
    return this.graph.apply('BatchMatMulV2', [a, b]);
  }

  transpose(x: Value, ...axes: readonly number[]): Value {
    return this.graph.apply('Transpose', [x, this.graph.integers(...axes)], { Tperm: INT32 });
  }

  softmax(x: Value): Value {
    return this.graph.apply('Softmax', [x]);
  }

  layerNorm(x: Value, name: string): Value {
    const scaled = this.elementwise('Mul', this.#standardised(x, [-1]), this.parameter(`${name}.weight`));
    return this.add(scaled, this.parameter(`${name}.bias`));
  }

  protected elementwise(operation: Elementwise, ...operands: readonly Value[]): Value {
    return this.graph.apply(OPERATION[operation], operands);
  }

  #conv(x: Value, kernel: Value, stride: 1 | 2): Value {
    const strides = { integers: [1, stride, stride, stride, 1] };
    return this.graph.apply('Conv3D', [x, kernel], { strides, padding: { text: stride === 1 ? 'SAME' : 'VALID' } });
  }

  #biased(x: Value, bias: Value): Value {
    return this.graph.apply('BiasAdd', [x, bias]);
  }

  /** To mean 0 and variance 1 along these axes. */
  #standardised(x: Value, axes: readonly number[]): Value {
    const mean = this.#reduced('Mean', x, axes);
    const variance = this.#reduced('Mean', this.graph.apply('SquaredDifference', [x, mean]), axes);
    const inverse = this.graph.apply('Rsqrt', [this.add(variance, this.scalar(EPSILON))]);
    return this.elementwise('Mul', this.elementwise('Sub', x, mean), inverse);
  }

  #reduced(operation: string, x: Value, axes: readonly number[]): Value {
    const attributes: Attributes = { Tidx: INT32, keep_dims: { flag: true } };
    return this.graph.apply(operation, [x, this.graph.integers(...axes)], attributes);
  }

  #withoutFirst(x: Value): Value {
    const { graph } = this;
    const range = [graph.integers(0, 1, 1, 1, 0), graph.integers(-1, -1, -1, -1, -1)];
    return graph.apply('Slice', [x, ...range], { Index: INT32 });
  }

  /** -1 is what is left. */
  #reshape(x: Value, ...shape: readonly number[]): Value {
    return this.graph.apply('Reshape', [x, this.graph.integers(...shape)], { Tshape: INT32 });
  }
}

function voxels([h, w, d]: InteractionShape['space']): number {
  return h * w * d;
}
