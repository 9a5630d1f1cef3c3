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
  ]);
const settings = AggregationSettings.parse({
  groups: [{ match: 'norm.*', how: 'local' }],
  prototypes: { minimumSupport: 10 },
});

it('what leaves a site has neither its own tensors nor prototypes that too few voxels stand behind', () => {
  const shared = sharedTensors(model(2), model(1), settings);
  const values = (name: string) => [...shared.get(name)!.data];
  expect(values('conv.weight')).toEqual([2]);
  expect(values('norm.running_mean')).toEqual([1]);
  expect(values('prototypes')).toEqual([1, 1, 2, 2]);
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
