import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineSettings } from './engine-settings.js';
import { openEngine, restoreOldUtil, type LoadedPackage } from './open-engine.js';
import { bareTfjsPackage, temporaryFolder } from './setup/setup.fixture.js';
import type { TfjsPackage } from './setup/tfjs-package.js';

describe('openEngine', () => {
  let folder: string;
  let packages: TfjsPackage[];
  beforeEach(async () => {
    folder = await temporaryFolder();
    packages = [
      await bareTfjsPackage(folder, '@tensorflow/tfjs-node-gpu'),
      await bareTfjsPackage(folder, '@tensorflow/tfjs-node'),
    ];
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  async function addAddons(contents: readonly string[]): Promise<void> {
    for (const [i, tfjs] of packages.entries()) {
      const addon = path.join(tfjs.directory, tfjs.addonFile);
      await fs.mkdir(path.dirname(addon), { recursive: true });
      const shared = path.join(folder, contents[i]);
      await fs.writeFile(shared, 'addon');
      await fs.symlink(shared, addon);
    }
  }

  const loads =
    (gpu: boolean, loaded: string[] = []) =>
    (tfjs: TfjsPackage): LoadedPackage => {
      loaded.push(tfjs.name);
      return { binding: { isUsingGpuDevice: () => gpu, TF_Version: '2.21.0' } as LoadedPackage['binding'] };
    };

  it('computes in JavaScript without an addon, refuses to train and says what to install', async () => {
    const engine = await openEngine(engineSettings({}), { packages });
    expect(engine.ops.name).toBe('kernel');
    expect(engine).toMatchObject({ trainable: false, description: { tensorflow: null, device: 'cpu' } });
    expect(engine.refusal).toMatch(/no native addon is set up: run `consilium-node engine setup` .*apt install/);
  });

  it('computes in JavaScript when the addon does not load', async () => {
    await addAddons(['one', 'one']);
    const load = (): LoadedPackage => {
      throw new Error('libtensorflow.so.2: cannot open\nRequire stack');
    };
    const engine = await openEngine(engineSettings({}), { packages, load });
    expect(engine.refusal).toMatch(/does not load \(libtensorflow\.so\.2: cannot open\)/);
  });

  it('loads one package: the GPU one where it has an addon of its own', async () => {
    await addAddons(['gpu', 'cpu']);
    const loaded: string[] = [];
    const engine = await openEngine(engineSettings({}), { packages, load: loads(true, loaded) });
    expect(loaded).toEqual(['@tensorflow/tfjs-node-gpu']);
    expect(engine).toMatchObject({
      trainable: true,
      refusal: null,
      description: { device: 'gpu', tensorflow: '2.21.0' },
    });
  });

  it('loads the CPU package where the CPU is asked for', async () => {
    await addAddons(['one', 'one']);
    const loaded: string[] = [];
    await openEngine(engineSettings({}, { device: 'cpu' }), { packages, load: loads(false, loaded) });
    expect(loaded).toEqual(['@tensorflow/tfjs-node']);
  });

  it('refuses to train on another device than was asked for', async () => {
    await addAddons(['one', 'one']);
    const onCpu = await openEngine(engineSettings({}, { device: 'gpu' }), { packages, load: loads(false) });
    expect(onCpu.trainable).toBe(false);
    expect(onCpu.refusal).toMatch(/ask for the GPU and TensorFlow 2\.21\.0 uses the CPU/);
    const onGpu = await openEngine(engineSettings({}, { device: 'cpu' }), { packages, load: loads(true) });
    expect(onGpu.refusal).toMatch(/ask for the CPU and TensorFlow 2\.21\.0 uses the GPU/);
  });
});

it('gives back what newer Node versions removed, and leaves what is there', () => {
  const isArray = (): boolean => false;
  const target: Record<string, unknown> = { isArray };
  restoreOldUtil(target);
  expect(target['isArray']).toBe(isArray);
  const isNullOrUndefined = target['isNullOrUndefined'] as (value: unknown) => boolean;
  expect([null, undefined, 0, ''].map(isNullOrUndefined)).toEqual([true, true, false, false]);
});
