import type { ModelSettings } from '../protocol/study.js';
import { modelTensors } from '../model/model-tensors.js';
import { ContainerError, quoted } from '../tensors/container-error.js';
import { elementCount, type NamedTensors } from '../tensors/host-tensor.js';
import type { OnnxGraph, Value } from './onnx-graph.js';

/** As in client-node/src/crln/layers/norm.ts. */
const EPSILON = { float: 1e-5 } as const;

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The layers of a network as nodes of a graph: features [n, c, h, w, d], tokens [n, t, f]. Weights go by the model's names. */
export class OnnxLayers {
  readonly #weights = new Map<string, Weight>();

  /** Throws ContainerError where `tensors` are not those of a model with these settings. */
  constructor(
    readonly graph: OnnxGraph,
    settings: ModelSettings,
    tensors: NamedTensors,
  ) {
    for (const { name, shape } of modelTensors(settings)) {
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        throw new ContainerError('tensor-missing', `Model: expected the study's tensors, found no ${quoted(name)}.`);
      }
      if (tensor.dtype !== 'float32') {
        throw new ContainerError('wrong-dtype', `Tensor ${quoted(name)}: expected float32, got ${tensor.dtype}.`);
      }
      if (tensor.shape.join() !== shape.join()) {
        const got = `got [${tensor.shape.join(', ')}]`;
        throw new ContainerError('wrong-shape', `Tensor ${quoted(name)}: expected [${shape.join(', ')}], ${got}.`);
      }
      this.#weights.set(name, tensor);
    }
  }

  weight(name: string): Weight {
    const weight = this.#weights.get(name);
    if (weight === undefined) throw new Error(`onnx: expected a tensor of the model, got ${name}`);
    return weight;
  }

  /** 1x1x1 or 3x3x3 keeping the size, 2x2x2 halving it. `bias`: false where what follows takes it out again, or there is none. */
  conv(x: Value, name: string, { bias = true, group = 1 }: { bias?: boolean; group?: number } = {}): Value {
    const [side] = this.weight(`${name}.weight`).shape;
    const pad = side === 3 ? 1 : 0;
    const stride = side === 2 ? 2 : 1;
    return this.graph.apply('Conv', this.#kernel(x, name, bias), {
      kernel_shape: [side, side, side],
      strides: [stride, stride, stride],
      pads: [pad, pad, pad, pad, pad, pad],
      group,
    });
  }

  /** Doubles the size. 3x3x3 leaves out the first row of the whole result, as PyTorch's with padding 1 and output padding 1. */
  transposedConv(x: Value, name: string): Value {
    const [side] = this.weight(`${name}.weight`).shape;
    const pad = side === 3 ? 1 : 0;
    return this.graph.apply('ConvTranspose', this.#kernel(x, name, true), {
      kernel_shape: [side, side, side],
      strides: [2, 2, 2],
      pads: [pad, pad, pad, 0, 0, 0],
    });
  }

  batchNorm(x: Value, name: string): Value {
    const parameters = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      this.#constant(`${name}.${part}`),
    );
    return this.graph.apply('BatchNormalization', [x, ...parameters], { epsilon: EPSILON });
  }

  instanceNorm(x: Value, channels: number): Value {
    const [ones, zeros] = [1, 0].map((value) => this.#filled(channels, value));
    return this.graph.apply('InstanceNormalization', [x, ones, zeros], { epsilon: EPSILON });
  }

  relu(x: Value): Value {
    return this.graph.apply('Relu', [x]);
  }

  /** Along the last axis. */
  layerNorm(x: Value, name: string): Value {
    const parameters = ['weight', 'bias'].map((part) => this.#constant(`${name}.${part}`));
    return this.graph.apply('LayerNormalization', [x, ...parameters], { axis: -1, epsilon: EPSILON });
  }

  /** Along the last axis. */
  linear(x: Value, name: string): Value {
    const { shape, data } = this.weight(`${name}.weight`);
    const product = this.multiply(x, this.graph.constant(`${name}.weight`, shape.slice(-2), data));
    return this.add(product, this.#constant(`${name}.bias`));
  }

  /** x Phi(x) */
  gelu(x: Value): Value {
    const { graph } = this;
    const erf = graph.apply('Erf', [this.scale(x, Math.SQRT1_2)]);
    return graph.apply('Mul', [x, this.scale(this.add(erf, graph.scalar(1)), 0.5)]);
  }

  add(a: Value, b: Value): Value {
    return this.graph.apply('Add', [a, b]);
  }

  scale(x: Value, factor: number): Value {
    return this.graph.apply('Mul', [x, this.graph.scalar(factor)]);
  }

  multiply(a: Value, b: Value): Value {
    return this.graph.apply('MatMul', [a, b]);
  }

  softmax(x: Value, axis: number, output?: string): Value {
    return this.graph.apply('Softmax', [x], { axis }, output);
  }

  /** 0 leaves a size as it is, -1 is what is left. */
  reshape(x: Value, ...shape: readonly number[]): Value {
    return this.graph.apply('Reshape', [x, this.graph.integers(...shape)]);
  }

  transpose(x: Value, ...axes: readonly number[]): Value {
    return this.graph.apply('Transpose', [x], { perm: axes });
  }

  #kernel(x: Value, name: string, bias: boolean): Value[] {
    const { shape, data } = this.weight(`${name}.weight`);
    const kernel = this.graph.constant(`${name}.weight`, ...channelsFirst(shape, data));
    return bias ? [x, kernel, this.#constant(`${name}.bias`)] : [x, kernel];
  }

  #constant(name: string): Value {
    const { shape, data } = this.weight(name);
    return this.graph.constant(name, shape, data);
  }

  #filled(size: number, value: number): Value {
    return this.graph.apply('Expand', [this.graph.scalar(value), this.graph.integers(size)]);
  }
}

/** [h, w, d, a, b] -> [b, a, h, w, d]: both TensorFlow's kernels to ONNX's, [out, in, ...] and, transposed, [in, out, ...]. */
function channelsFirst(shape: readonly number[], data: Float32Array): [number[], Float32Array] {
  const [h, w, d, a, b] = shape;
  const taps = h * w * d;
  const moved = new Float32Array(elementCount(shape));
  let from = 0;
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < a; i++) for (let o = 0; o < b; o++) moved[(o * a + i) * taps + tap] = data[from++];
  }
  return [[b, a, h, w, d], moved];
}
