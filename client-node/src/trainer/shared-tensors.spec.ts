import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AggregationSettings, float32Tensor, type NamedTensors } from '@consilium/shared';
import { expect, it } from 'vitest';
import { LocalTensors } from './local-tensors.js';
import { sharedTensors } from './shared-tensors.js';

const model = (value: number): NamedTensors =>
  new Map([
    ['conv.weight', float32Tensor([1], Float32Array.of(value))],
    ['norm.running_mean', float32Tensor([1], Float32Array.of(value))],
    ['prototypes', float32Tensor([1, 2, 2], new Float32Array(4).fill(value))],
    ['prior.prototype_support', float32Tensor([1, 2], Float32Array.of(9.4, 9.6))],
    ['prior.class_means', float32Tensor([1, 2], new Float32Array(2).fill(value))],
    ['prior.class_spread', float32Tensor([1, 2], new Float32Array(2).fill(value))],
    ['prior.class_support', float32Tensor([1], Float32Array.of(50))],
  ]);
const settings = AggregationSettings.parse({
  groups: [{ match: 'norm.*', how: 'local' }],
  prototypes: { minimumSupport: 10 },
});

it('what leaves a site has neither its own tensors nor prototypes that too few voxels stand behind', () => {
  const shared = sharedTensors(model(2), model(1), settings, { minimumSupport: 0, statistics: false });
  const values = (name: string) => [...shared.get(name)!.data];
  expect(values('conv.weight')).toEqual([2]);
  expect(values('norm.running_mean')).toEqual([1]);
  expect(values('prototypes')).toEqual([1, 1, 2, 2]);
});

it('what a site withholds is the base, or nothing and without weight', () => {
  const study = AggregationSettings.parse({});
  const shared = sharedTensors(model(2), model(1), study, { minimumSupport: 60, statistics: true });
  const values = (name: string) => [...shared.get(name)!.data];
  expect(values('conv.weight')).toEqual([2]);
  expect(values('norm.running_mean')).toEqual([1]);
  expect(values('prototypes')).toEqual([1, 1, 1, 1]);
  for (const name of ['class_means', 'class_spread', 'prototype_support'])
    expect(values(`prior.${name}`)).toEqual([0, 0]);
  expect(values('prior.class_support')).toEqual([0]);
  const open = sharedTensors(model(2), model(1), study, { minimumSupport: 10, statistics: false });
  expect([...open.get('prior.class_means')!.data]).toEqual([2, 2]);
  expect([...open.get('prior.prototype_support')!.data]).toEqual([0, Math.fround(9.6)]);
});

it('local tensors lie over the next base, and a round that is trained again finds the same ones', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'local-tensors-'));
  try {
    const local = new LocalTensors(join(folder, 'study'), settings.groups);
    const mean = async (round: number) => {
      const start = await local.over(model(1), round);
      expect([...start.get('conv.weight')!.data]).toEqual([1]);
      return start.get('norm.running_mean')!.data[0];
    };
    expect(await mean(1)).toBe(1);
    await local.keep(model(5), 1);
    await local.keep(model(6), 2);
    expect([await mean(2), await mean(2), await mean(3)]).toEqual([5, 5, 6]);
    await local.keep(model(7), 3);
    expect(readdirSync(join(folder, 'study')).sort()).toEqual(['2.safetensors', '3.safetensors']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
