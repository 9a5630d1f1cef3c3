import { Random, type NamedTensors, type TensorSpec } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { openDoubleOps } from '../../engine/double-ops.js';
import { sizeOf, type Tensor } from '../../engine/tensor.js';
import { Weights } from '../weights.js';
import { BatchNorm } from './batch-norm.js';
import { ChannelDropout } from './channel-dropout.js';
import { ConvUnit } from './conv-unit.js';
import { Gelu } from './gelu.js';
import { InstanceNorm } from './instance-norm.js';
import { ConvKernel, DepthwiseKernel, DoublingKernel, OverlappingDoublingKernel } from './kernel.js';
import { LayerNorm } from './layer-norm.js';
import { EVALUATION, Sequence, type Layer, type Pass } from './layer.js';
import { Linear } from './linear.js';
import { MaxPool } from './max-pool.js';
import { Residual } from './residual.js';
import { UpsampleUnit } from './upsample-unit.js';

const double = openDoubleOps();
const ops = double!;

/** Shapes of the tensors of each layer, as in a model. */
const SHAPES: Record<string, number[]> = {
  'conv.weight': [3, 3, 3, 2, 3],
  'conv.bias': [3],
  'down.weight': [2, 2, 2, 2, 3],
  'up.weight': [2, 2, 2, 3, 2],
  'up.bias': [3],
  'overlap.weight': [3, 3, 3, 3, 2],
  'depthwise.weight': [3, 3, 3, 1, 2],
  'point.weight': [1, 1, 1, 2, 3],
  'point.bias': [3],
  'linear.weight': [2, 4],
  'linear.bias': [4],
  'layer.weight': [2],
  'layer.bias': [2],
  ...Object.fromEntries(
    [2, 3].flatMap((c) => ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [`norm${c}.${part}`, [c]])),
  ),
};

interface Case {
  name: string;
  input: number[];
  layer: (weights: Weights) => Layer;
  dropping?: boolean;
}

const norm = (weights: Weights, c: number, bias?: string) => new BatchNorm(ops, weights, `norm${c}`, bias);

const CASES: Case[] = [
  {
    name: 'convolution 3x3x3, batch norm, ReLU',
    input: [2, 3, 4, 2, 2],
    layer: (w) => new ConvUnit(ops, new ConvKernel(ops, w, 'conv'), norm(w, 3, 'conv.bias')),
  },
  {
    name: 'convolution 2x2x2, stride 2',
    input: [2, 4, 4, 2, 2],
    layer: (w) => new ConvUnit(ops, new ConvKernel(ops, w, 'down', 2), norm(w, 3)),
  },
  {
    name: 'transposed convolution 2x2x2',
    input: [1, 2, 2, 3, 2],
    layer: (w) => new ConvUnit(ops, new DoublingKernel(ops, w, 'up'), norm(w, 3)),
  },
  {
    name: 'transposed convolution 3x3x3',
    input: [1, 2, 2, 3, 2],
    layer: (w) => new ConvUnit(ops, new OverlappingDoublingKernel(ops, w, 'overlap'), norm(w, 3)),
  },
  {
    name: 'depthwise convolution',
    input: [2, 3, 3, 2, 2],
    layer: (w) => new ConvUnit(ops, new DepthwiseKernel(ops, w, 'depthwise'), norm(w, 2)),
  },
  {
    name: 'convolution, instance norm, ReLU',
    input: [2, 3, 4, 2, 2],
    layer: (w) => new ConvUnit(ops, new ConvKernel(ops, w, 'conv'), new InstanceNorm(ops, w, 'conv.bias')),
  },
  { name: 'upsampling with bias and ReLU', input: [1, 2, 3, 2, 2], layer: (w) => new UpsampleUnit(ops, w, 'up') },
  { name: '1x1x1 convolution', input: [2, 2, 2, 3, 2], layer: (w) => new Linear(ops, w, 'point') },
  { name: 'linear layer', input: [2, 3, 2], layer: (w) => new Linear(ops, w, 'linear') },
  { name: 'layer norm', input: [2, 3, 2], layer: (w) => new LayerNorm(ops, w, 'layer') },
  { name: 'GELU', input: [2, 5], layer: () => new Gelu(ops) },
  { name: 'max-pool', input: [2, 4, 2, 4, 2], layer: () => new MaxPool(ops) },
  { name: 'channel dropout', input: [2, 2, 2, 2, 2], layer: () => new ChannelDropout(ops, 0.5), dropping: true },
  {
    name: 'residuals with drop-path',
    input: [2, 3, 2],
    layer: (w) => new Sequence([new Residual(ops, null), new Residual(ops, new LayerNorm(ops, w, 'layer'))]),
    dropping: true,
  },
];

const random = Random.from(7, 'layers');
const noise = (count: number) => Float32Array.from({ length: count }, () => random.normal());

function loadWeights(): Weights {
  const tensors: NamedTensors = new Map();
  const specs: TensorSpec[] = Object.entries(SHAPES).map(([name, shape]) => {
    const values = noise(sizeOf(shape));
    tensors.set(name, {
      dtype: 'float32',
      shape,
      data: name.endsWith('_var') ? values.map((v) => v * v + 0.5) : values,
    });
    return { name, shape, kind: name.includes('running') ? 'statistic' : 'weight', init: { as: 'zeros' } };
  });
  return Weights.load(ops, specs, tensors);
}

/** Fixed masks, so that the numeric derivative sees the same function each time. */
function passOf(dropping = false): Pass {
  const alternate = (count: number) => Float32Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 0 : 2));
  const masks = { channels: (b: number, c: number) => alternate(b * c), paths: (b: number) => alternate(b) };
  return { statistics: 'batch', gradient: true, ...(dropping && { dropping: masks }) };
}

/** A number that depends on every value of a tensor in its own way, and its derivative. */
function probe(output: Tensor): { loss: number; gradient: Tensor } {
  const slope = Float32Array.from({ length: sizeOf(output.shape) }, (_, i) => Math.sin(1 + i * 1.7));
  const values = ops.toHost(output);
  const loss = slope.reduce((sum, factor, i) => sum + factor * values[i], 0);
  return { loss, gradient: ops.fromHost(slope, output.shape) };
}

describe.skipIf(double === null)('backward passes against numeric derivatives (float64)', () => {
  it.each(CASES)('$name', ({ input, layer: make, dropping = false }) => {
    const before = ops.tensorCount();
    const weights = loadWeights();
    const layer = make(weights);
    const x = noise(sizeOf(input));
    const lossAt = (values: Float32Array) => {
      const { output } = layer.forward(ops.fromHost(values, input), { ...passOf(dropping), gradient: false });
      const { loss, gradient } = probe(output);
      ops.dispose(output, gradient);
      return loss;
    };
    const { output, backward } = layer.forward(ops.fromHost(x, input), passOf(dropping));
    const { gradient } = probe(output);
    ops.dispose(output);
    const dx = backward(gradient);
    compare('input', ops.toHost(dx) as Float32Array, x, lossAt);
    ops.dispose(dx);
    for (const parameter of weights.parameters()) {
      if (parameter.gradient === null) continue;
      const got = ops.toHost(parameter.gradient) as Float32Array;
      const start = ops.toHost(parameter.read()) as Float32Array;
      const assign = (values: Float32Array) => {
        const changed = ops.fromHost(values, parameter.shape);
        ops.assign(parameter.variable, changed);
        ops.dispose(changed);
      };
      compare(parameter.name, got, start, (values) => {
        assign(values);
        return lossAt(x);
      });
      assign(start);
    }
    weights.dispose();
    expect(ops.tensorCount()).toBe(before);
  });

  it.each(CASES)('$name frees what it made in a pass without gradient', ({ input, layer: make }) => {
    const weights = loadWeights();
    const before = ops.tensorCount();
    const { output } = make(weights).forward(ops.fromHost(noise(sizeOf(input)), input), EVALUATION);
    ops.dispose(output);
    expect(ops.tensorCount()).toBe(before);
    weights.dispose();
  });
});

/** Central differences, on a few of the values. */
function compare(name: string, got: Float32Array, at: Float32Array, loss: (values: Float32Array) => number): void {
  const stride = Math.ceil(at.length / 12);
  for (let i = 0; i < at.length; i += stride) {
    // The step must be a float32 difference, since values pass through float32 on their way in.
    const moved = (by: number) => at.map((value, k) => (k === i ? value + by : value));
    const [above, below] = [moved(1e-3), moved(-1e-3)];
    const numeric = (loss(above) - loss(below)) / (above[i] - below[i]);
    expect(Math.abs(got[i] - numeric), `${name}[${i}]: ${got[i]} and ${numeric}`).toBeLessThan(
      2e-3 * Math.max(1, Math.abs(numeric)),
    );
  }
}
