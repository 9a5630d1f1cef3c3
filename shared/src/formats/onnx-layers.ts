import type { InteractionShape } from '../model/model-tensors.js';
import { elementCount } from '../tensors/host-tensor.js';
import { EPSILON, NetworkLayers, type Elementwise } from './network-layers.js';
import type { OnnxGraph } from './onnx-graph.js';
import type { Value } from './tensor-graph.js';

const NORM = { epsilon: { float: EPSILON } } as const;

/** The layers in ONNX, features [n, c, h, w, d]. */
export class OnnxLayers extends NetworkLayers<OnnxGraph> {
  conv(x: Value, name: string, { bias = true }: { bias?: boolean } = {}): Value {
    return this.#conv(this.#kernel(x, name, bias), name, 1);
  }

  depthwiseConv(x: Value, name: string): Value {
    return this.#conv(this.#kernel(x, name, false), name, this.weights(`${name}.weight`).shape[4]);
  }

  transposedConv(x: Value, name: string): Value {
    const [side] = this.weights(`${name}.weight`).shape;
    const pad = side === 3 ? 1 : 0;
    return this.graph.apply('ConvTranspose', this.#kernel(x, name, true), {
      kernel_shape: [side, side, side],
      strides: [2, 2, 2],
      pads: [pad, pad, pad, 0, 0, 0],
    });
  }

  batchNorm(x: Value, name: string): Value {
    const parts = ['weight', 'bias', 'running_mean', 'running_var'];
    return this.graph.apply('BatchNormalization', [x, ...parts.map((part) => this.parameter(`${name}.${part}`))], NORM);
  }

  instanceNorm(x: Value, channels: number): Value {
    const [ones, zeros] = [1, 0].map((value) => this.#filled(channels, value));
    return this.graph.apply('InstanceNormalization', [x, ones, zeros], NORM);
  }

  maxPool(x: Value): Value {
    return this.graph.apply('MaxPool', [x], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] });
  }

  concat(a: Value, b: Value): Value {
    return this.graph.apply('Concat', [a, b], { axis: 1 });
  }

  extreme(x: Value, which: 'Min' | 'Max'): Value {
    return this.graph.apply(`Reduce${which}`, [x], { axes: [2, 3, 4], keepdims: 1 });
  }

  probabilities(logits: Value, output: string): Value {
    return this.graph.apply('Softmax', [logits], { axis: 1 }, output);
  }

  tokens(x: Value, { features }: InteractionShape): Value {
    return this.transpose(this.#reshape(x, 0, features, -1), 0, 2, 1);
  }

  features(maps: Value, channels: number, space: InteractionShape['space']): Value {
    return this.#reshape(maps, -1, channels, ...space);
  }

  multiply(a: Value, b: Value): Value {
    return this.graph.apply('MatMul', [a, b]);
  }

  transpose(x: Value, ...axes: readonly number[]): Value {
    return this.graph.apply('Transpose', [x], { perm: axes });
  }

  softmax(x: Value): Value {
    return this.graph.apply('Softmax', [x], { axis: -1 });
  }

  layerNorm(x: Value, name: string): Value {
    const parameters = ['weight', 'bias'].map((part) => this.parameter(`${name}.${part}`));
    return this.graph.apply('LayerNormalization', [x, ...parameters], { axis: -1, ...NORM });
  }

  protected elementwise(operation: Elementwise, ...operands: readonly Value[]): Value {
    return this.graph.apply(operation, operands);
  }

  #conv(inputs: readonly Value[], name: string, group: number): Value {
    const [side] = this.weights(`${name}.weight`).shape;
    const pad = side === 3 ? 1 : 0;
    const stride = side === 2 ? 2 : 1;
    return this.graph.apply('Conv', inputs, {
      kernel_shape: [side, side, side],
      strides: [stride, stride, stride],
      pads: [pad, pad, pad, pad, pad, pad],
      group,
    });
  }

  #kernel(x: Value, name: string, bias: boolean): Value[] {
    const { shape, data } = this.weights(`${name}.weight`);
    const kernel = this.constant(`${name}.weight`, ...channelsFirst(shape, data));
    return bias ? [x, kernel, this.parameter(`${name}.bias`)] : [x, kernel];
  }

  /** 0 leaves a size as it is, -1 is what is left. */
  #reshape(x: Value, ...shape: readonly number[]): Value {
    return this.graph.apply('Reshape', [x, this.graph.integers(...shape)]);
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
