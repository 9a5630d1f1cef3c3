import {
  initialModel,
  ModelSettings,
  prototypeAxis,
  Random,
  type HostTensor,
  type NamedTensors,
} from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { TEACHING } from './layers/layer.js';
import { Network } from './network.js';

const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
const ORDER = [2, 0, 1];
const EDGE = 16;

/** Every tensor that is numbered by prototypes in another order; `wanted` leaves some out. */
function reordered(tensors: NamedTensors, wanted: (name: string) => boolean): NamedTensors {
  return new Map([...tensors].map(([name, tensor]) => [name, wanted(name) ? moved(name, tensor) : tensor]));
}

function moved(name: string, tensor: HostTensor): HostTensor {
  const axis = prototypeAxis(name);
  if (axis === null) return tensor;
  const inner = tensor.shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  const data = new Float32Array(tensor.data.length);
  for (let i = 0; i < data.length; i++) {
    const r = Math.floor(i / inner) % ORDER.length;
    data[i] = Number(tensor.data[i + (ORDER[r] - r) * inner]);
  }
  return { dtype: 'float32', shape: tensor.shape, data };
}

describe.each(['vnet', 'unet3d'] as const)('the order of prototypes in %s', (backbone) => {
  const model = ModelSettings.parse({ backbone, width: 2, prototypes: 3, classes: 2, patch: [EDGE, EDGE, EDGE] });
  const random = Random.from(4);
  const image = Float32Array.from({ length: EDGE ** 3 }, () => random.normal());
  const tensors = initialModel(model, 3);
  const drawn = tensors.get('prototypes')!.data as Float32Array;
  drawn.forEach((_, i) => (drawn[i] = random.normal()));

  const outputs = (weights: NamedTensors) => {
    const network = Network.load(ops, model, weights);
    const forwarded = network.forward(ops.fromHost(image, [1, EDGE, EDGE, EDGE, 1]), TEACHING);
    const [logits, relationship, representation] = [
      forwarded.logits,
      forwarded.relationship,
      forwarded.representation!,
    ].map((tensor) => {
      const values = [...(ops.toHost(tensor) as Float32Array)];
      ops.dispose(tensor);
      return values;
    });
    network.dispose();
    return { logits, relationship, representation };
  };
  const apart = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));

  it('is free as long as all tensors that are numbered by them go along', () => {
    const [before, after] = [outputs(tensors), outputs(reordered(tensors, () => true))];
    expect(apart(after.logits, before.logits)).toBeLessThan(1e-4);
    expect(apart(after.relationship, before.relationship)).toBeLessThan(1e-4);
    const channels = before.representation.map((_, i) => before.representation[i - (i % 3) + ORDER[i % 3]]);
    expect(apart(after.representation, channels)).toBeLessThan(1e-4);
  });

  it('is not free for the prototypes alone', () => {
    const alone = outputs(reordered(tensors, (name) => name === 'prototypes'));
    expect(apart(alone.relationship, outputs(tensors).relationship)).toBeGreaterThan(1e-3);
  });
});
