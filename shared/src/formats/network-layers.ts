import type { InteractionShape } from '../model/model-tensors.js';
import type { ModelWeights } from './model-weights.js';
import type { TensorGraph, Value } from './tensor-graph.js';

/** As in client-node/src/crln/layers/norm.ts. */
export const EPSILON = 1e-5;

/** Of single values, broadcasting as NumPy's; Equal gives what Where takes first. */
export type Elementwise = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Relu' | 'Erf' | 'Equal' | 'Where';

/**
 * The layers of an exported network as nodes of a graph. Features are volumes with channels, and a format's own matter is how it
 * lays them out; tokens [n, t, f] and matrices are the same in all. Weights go by the model's names.
 */
export abstract class NetworkLayers<Graph extends TensorGraph = TensorGraph> {
  constructor(
    protected readonly graph: Graph,
    readonly weights: ModelWeights,
  ) {}

  // Of features

  /** 1x1x1 or 3x3x3 keeping the size, 2x2x2 halving it. `bias`: false where what follows takes it out again, or there is none. */
  abstract conv(x: Value, name: string, options?: { bias?: boolean }): Value;
  /** 3x3x3 keeping the size, each channel by itself; no bias. */
  abstract depthwiseConv(x: Value, name: string): Value;
  /** Doubles the size. 3x3x3 leaves out the first row of the whole result, as PyTorch's with padding 1 and output padding 1. */
  abstract transposedConv(x: Value, name: string): Value;
  /** With the running moments. */
  abstract batchNorm(x: Value, name: string): Value;
  /** Without scale or shift. */
  abstract instanceNorm(x: Value, channels: number): Value;
  /** Maximum over 2x2x2, halving the size. */
  abstract maxPool(x: Value): Value;
  /** The channels of a, then those of b. */
  abstract concat(a: Value, b: Value): Value;
  /** Each channel's least or largest value, as features of one voxel. */
  abstract extreme(x: Value, which: 'Min' | 'Max'): Value;
  /** Softmax over the channels. */
  abstract probabilities(logits: Value, output: string): Value;

  // Between features and tokens

  /** A token for each voxel [n, voxels, f]. */
  abstract tokens(x: Value, level: InteractionShape): Value;
  /** Features of so many channels from [n, maps, voxels], whose maps follow one another, or from features of one channel. */
  abstract features(maps: Value, channels: number, space: InteractionShape['space']): Value;

  // Of tokens and matrices

  abstract multiply(a: Value, b: Value): Value;
  abstract transpose(x: Value, ...axes: readonly number[]): Value;
  /** Along the last axis. */
  abstract softmax(x: Value): Value;
  /** Along the last axis. */
  abstract layerNorm(x: Value, name: string): Value;

  // Of any

  protected abstract elementwise(operation: Elementwise, ...operands: readonly Value[]): Value;

  /** `data`: C order. */
  constant(name: string, shape: readonly number[], data: Float32Array): Value {
    return this.graph.constant(name, shape, data);
  }

  scalar(value: number): Value {
    return this.graph.scalar(value);
  }

  relu(x: Value): Value {
    return this.elementwise('Relu', x);
  }

  add(a: Value, b: Value): Value {
    return this.elementwise('Add', a, b);
  }

  scale(x: Value, factor: number): Value {
    return this.elementwise('Mul', x, this.scalar(factor));
  }

  /** x Phi(x) */
  gelu(x: Value): Value {
    const erf = this.elementwise('Erf', this.scale(x, Math.SQRT1_2));
    return this.elementwise('Mul', x, this.scale(this.add(erf, this.scalar(1)), 0.5));
  }

  /** Along the last axis. */
  linear(x: Value, name: string): Value {
    const { shape, data } = this.weights(`${name}.weight`);
    const product = this.multiply(x, this.constant(`${name}.weight`, shape.slice(-2), data));
    return this.add(product, this.parameter(`${name}.bias`));
  }

  /** Each window's channels to [0, 1], a constant one to 0; what is in that range already stays as it is. */
  normalised(image: Value): Value {
    const [least, largest] = [this.extreme(image, 'Min'), this.extreme(image, 'Max')];
    const range = this.elementwise('Sub', largest, least);
    const isFlat = this.elementwise('Equal', range, this.scalar(0));
    const divisor = this.elementwise('Where', isFlat, this.scalar(1), range);
    return this.elementwise('Div', this.elementwise('Sub', image, least), divisor);
  }

  /** A tensor of the model as it is. */
  protected parameter(name: string): Value {
    const { shape, data } = this.weights(name);
    return this.constant(name, shape, data);
  }
}
