import { initialModel, ModelSettings, modelTensors, Random } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { openDoubleOps } from '../engine/double-ops.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { Interaction } from './interaction.js';
import type { Pass } from './layers/layer.js';
import { Weights } from './weights.js';

const double = openDoubleOps();
const ops = double!;
const settings = ModelSettings.parse({ width: 2, prototypes: 2, classes: 2, patch: [16, 16, 16] });
const TRAINING: Pass = { statistics: 'batch', gradient: true };
/** Parameters of every kind along the way, from the map back to the coarse level's queries. */
const CHECKED = [
  'upsample.weight',
  'dim.1.cue.weight',
  'dim.1.map_norm.weight',
  'dim.1.kv.weight',
  'dim.1.kv.bias',
  'dim.0.to_next.weight',
  'dim.0.mlp_in.weight',
  'dim.0.out.weight',
  'dim.0.kv.weight',
  'dim.0.kv.bias',
  'dim.0.q.weight',
  'dim.0.project.weight',
  'prototypes',
];

const random = Random.from(4, 'interaction');
const noise = (shape: readonly number[]) => Float32Array.from({ length: sizeOf(shape) }, () => random.normal());

function loadWeights(): Weights {
  const tensors = initialModel(settings, 2);
  // Prototypes start at zero, where query norms have no slope to check.
  tensors.set('prototypes', { dtype: 'float32', shape: [2, 2, 8], data: noise([2, 2, 8]) });
  return Weights.load(ops, modelTensors(settings), tensors);
}

describe.skipIf(double === null)('the Dynamic Interaction Module (float64)', () => {
  it("has the gradients of its numeric derivatives in features and in every level's parameters", () => {
    const before = ops.tensorCount();
    const weights = loadWeights();
    const interaction = new Interaction(ops, weights, settings);
    const shapes = [
      [2, 4, 4, 4, 8],
      [2, 8, 8, 8, 4],
    ];
    const features = shapes.map(noise);
    const load = () => features.map((values, i) => ops.fromHost(values, shapes[i])) as [Tensor, Tensor];
    const slope = noise([2, 16, 16, 16, 2]);
    const inDouble = () =>
      ops.tidy(() => {
        const { relationship } = interaction.forward(load(), { ...TRAINING, gradient: false });
        return ops.sum(ops.mul(relationship, ops.fromHost(slope, relationship.shape)), [0, 1, 2, 3, 4]);
      });
    // The host sees float32: only what the loss has moved by is brought over, so that steps can be so small that hardly a ReLU turns.
    const start = inDouble();
    const loss = () => ops.tidy(() => ops.toHost(ops.sub(inDouble(), start))[0]);
    const { relationship, backward } = interaction.forward(load(), TRAINING);
    ops.dispose(relationship);
    const dFeatures = backward(ops.fromHost(slope, [2, 16, 16, 16, 2]));
    dFeatures.forEach((gradient, level) => {
      compare(`features ${level}`, ops.toHost(gradient) as Float32Array, features[level], loss);
    });
    ops.dispose(...dFeatures);
    for (const name of CHECKED) {
      const parameter = weights.parameter(name);
      const current = ops.toHost(parameter.read()) as Float32Array;
      compare(name, ops.toHost(parameter.gradient!) as Float32Array, current, () => {
        const changed = ops.fromHost(current, parameter.shape);
        ops.assign(parameter.variable, changed);
        ops.dispose(changed);
        return loss();
      });
    }
    expect(weights.parameter('dim.0.cue.weight').gradient).toBeNull();
    expect(weights.parameter('dim.1.to_next.weight').gradient).toBeNull();
    weights.dispose();
    ops.dispose(start);
    expect(ops.tensorCount()).toBe(before);
  });
});

/** Central differences at four of the values, which are changed in place and put back. */
function compare(name: string, got: Float32Array, values: Float32Array, loss: () => number): void {
  for (let i = 0; i < values.length; i += Math.ceil(values.length / 4)) {
    const value = values[i];
    const at = (moved: number) => {
      values[i] = moved;
      return { loss: loss(), moved: values[i] };
    };
    const [above, below] = [at(value + 1e-6), at(value - 1e-6)];
    const numeric = (above.loss - below.loss) / (above.moved - below.moved);
    at(value);
    expect(Math.abs(got[i] - numeric), `${name}[${i}]: ${got[i]} and ${numeric}`).toBeLessThan(
      5e-3 * Math.max(1, Math.abs(numeric)),
    );
  }
}
