import os from 'node:os';
import { describe, expect, it } from 'vitest';
import { engineEnvironment, engineSettings } from './engine-settings.js';

describe('engineSettings', () => {
  it('keeps engines in the cache folder of the user', () => {
    expect(engineSettings({ HOME: '/home/site' }).cache).toBe('/home/site/.cache/consilium/engine');
    expect(engineSettings({ XDG_CACHE_HOME: '/var/cache/site' }).cache).toBe('/var/cache/site/consilium/engine');
    expect(engineSettings({ CONSILIUM_ENGINE_CACHE: '/data/engines' }).cache).toBe('/data/engines');
  });

  it('takes options over the environment over defaults', () => {
    const environment = { CONSILIUM_ENGINE_THREADS: '3', CONSILIUM_ENGINE_DEVICE: 'gpu', CXX: 'clang++' };
    expect(engineSettings({})).toMatchObject({ threads: os.availableParallelism(), device: 'auto', compiler: 'g++' });
    expect(engineSettings(environment)).toMatchObject({ threads: 3, device: 'gpu', compiler: 'clang++' });
    expect(engineSettings(environment, { threads: 5 })).toMatchObject({ threads: 5, device: 'gpu' });
  });

  it('names the setting that is wrong', () => {
    expect(() => engineSettings({ CONSILIUM_ENGINE_THREADS: 'many' })).toThrow(/engine settings: threads: /);
    expect(() => engineSettings({ CONSILIUM_ENGINE_DEVICE: 'tpu' })).toThrow(/engine settings: device: /);
  });
});

describe('engineEnvironment', () => {
  it('carries the number of threads, and hides the GPU only when the CPU is asked for', () => {
    const environment = engineEnvironment(engineSettings({}, { threads: 2 }));
    expect(environment).toMatchObject({ TF_NUM_INTRAOP_THREADS: '2', OMP_NUM_THREADS: '2', MALLOC_MMAP_MAX_: '0' });
    expect(environment).not.toHaveProperty('CUDA_VISIBLE_DEVICES');
    expect(engineEnvironment(engineSettings({}, { device: 'cpu' }))).toHaveProperty('CUDA_VISIBLE_DEVICES', '');
  });
});
