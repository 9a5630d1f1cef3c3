import { describe, expect, it } from 'vitest';
import { ModelSettings } from '../protocol/study.js';
import { initialModel } from './initial-model.js';
import { modelTensors } from './model-tensors.js';

const small = ModelSettings.parse({ width: 4, prototypes: 4, patch: [32, 32, 16] });
const count = (settings: ModelSettings) =>
  modelTensors(settings)
    .filter(({ kind }) => kind === 'weight' || kind === 'prototype')
    .reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);

describe('modelTensors', () => {
  it('has about 9.8 million parameters at the published width and patch', () => {
    expect(count(ModelSettings.parse({})) / 1e6).toBeCloseTo(9.8, 0);
  });

  it.each(['vnet', 'unet3d'] as const)('names every tensor of %s once', (backbone) => {
    const names = modelTensors({ ...small, backbone }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('ties the map norms to the patch', () => {
    const shape = (name: string) => modelTensors(small).find((spec) => spec.name === name)!.shape;
    expect(shape('dim.0.map_norm.weight')).toEqual([8 * 8 * 4]);
    expect(shape('dim.1.map_norm.weight')).toEqual([16 * 16 * 8]);
  });
});

describe('initialModel', () => {
  it('is the same for the same seed and another for another', () => {
    const kernel = (seed: number) => initialModel(small, seed).get('vnet.encoder.1.0.conv.weight')!.data;
    expect(kernel(3)).toEqual(kernel(3));
    expect(kernel(3)).not.toEqual(kernel(4));
  });

  it("starts convolutions with He's variance, prototypes and mu with zero", () => {
    const model = initialModel(small, 1);
    const kernel = Array.from(model.get('vnet.encoder.4.1.conv.weight')!.data as Float32Array);
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    expect(variance / (2 / (27 * 64))).toBeCloseTo(1, 1);
    expect(Array.from(model.get('prototypes')!.data as Float32Array).every((value) => value === 0)).toBe(true);
    expect(model.get('mu')!.data).toEqual(new Float32Array(1));
  });
});
