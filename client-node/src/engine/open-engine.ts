import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import type { EngineSettings } from './engine-settings.js';
import type { NativeBinding } from './native-binding.js';
import type { Ops } from './ops.js';
import { installedPackages, type TfjsPackage } from './setup/tfjs-package.js';

export interface EngineDescription {
  /** The package that computes, for a person and for reports. */
  name: string;
  /** Version of the TensorFlow library; null for plain JavaScript. */
  tensorflow: string | null;
  device: 'gpu' | 'cpu';
}

export interface Engine {
  ops: Ops;
  description: EngineDescription;
  /** False where real training would be refused. */
  trainable: boolean;
  /** Why it is not trainable and what to install; null where it is. */
  refusal: string | null;
}

export interface OpenOptions {
  packages?: TfjsPackage[];
  /** Loads a package's module; replaced in tests. */
  load?: (tfjs: TfjsPackage) => LoadedPackage;
}

export interface LoadedPackage {
  binding: NativeBinding & { isUsingGpuDevice(): boolean; TF_Version: string };
}

const advice =
  'run `consilium-node engine setup` on Linux x64 with python3, pip and g++ (Debian: apt install python3-pip g++)';

/** Opens the best engine that this process can have. Call once per process, with the environment of `engineEnvironment`. */
export async function openEngine(settings: EngineSettings, options: OpenOptions = {}): Promise<Engine> {
  if (settings.source === 'javascript') return openJavascript('the settings turn the native engine off');
  const { load = loadPackage } = options;
  const tfjs = candidates(options.packages ?? installedPackages(), settings).at(0);
  if (tfjs === undefined) return openJavascript('no native addon is set up');
  let binding: LoadedPackage['binding'];
  try {
    binding = load(tfjs).binding;
  } catch (error) {
    const [cause] = (error instanceof Error ? error.message : String(error)).split('\n');
    return openJavascript(`${tfjs.name} does not load (${cause})`);
  }
  const { NativeOps } = await import('./native-ops.js');
  const device = binding.isUsingGpuDevice() ? 'gpu' : 'cpu';
  const refusal = deviceRefusal(settings, device, binding.TF_Version);
  return {
    ops: new NativeOps(binding),
    description: { name: tfjs.name, tensorflow: binding.TF_Version, device },
    trainable: refusal === null,
    refusal,
  };
}

/**
 * Packages whose addon is there, the one to load first. The set-up links one addon into both packages; then the CPU
 * package is the honest name for it, unless an NVIDIA driver is present and wanted.
 */
function candidates(packages: readonly TfjsPackage[], settings: EngineSettings): TfjsPackage[] {
  const present = packages.filter((tfjs) => existsSync(addonOf(tfjs)));
  const addons = new Set(present.map((tfjs) => realpathSync(addonOf(tfjs))));
  const gpu = settings.device !== 'cpu' && (addons.size > 1 || existsSync('/proc/driver/nvidia/version'));
  return present.sort((a, b) => (Number(isGpu(b)) - Number(isGpu(a))) * (gpu ? 1 : -1));
}

const addonOf = (tfjs: TfjsPackage): string => path.join(tfjs.directory, tfjs.addonFile);
const isGpu = (tfjs: TfjsPackage): boolean => tfjs.name.endsWith('-gpu');

function loadPackage(tfjs: TfjsPackage): LoadedPackage {
  restoreOldUtil();
  const tf = createRequire(import.meta.url)(tfjs.name) as { backend(): LoadedPackage };
  return tf.backend();
}

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed. */
export function restoreOldUtil(target: Record<string, unknown> = util): void {
  target['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  target['isArray'] ??= Array.isArray;
}

/** A site that asked for a GPU must not find out a week later that it trained on the CPU. */
function deviceRefusal(settings: EngineSettings, device: 'gpu' | 'cpu', tensorflow: string): string | null {
  if (settings.device === 'auto' || settings.device === device) return null;
  const asked = settings.device.toUpperCase();
  const remedy =
    device === 'cpu'
      ? 'install the NVIDIA driver and a TensorFlow with CUDA, or set the device to auto'
      : 'start the trainer with CUDA_VISIBLE_DEVICES empty, or set the device to auto';
  return `The settings ask for the ${asked} and TensorFlow ${tensorflow} uses the ${device.toUpperCase()}: ${remedy}.`;
}

async function openJavascript(reason: string): Promise<Engine> {
  const { KernelOps } = await import('./kernel-ops.js');
  return {
    ops: await KernelOps.open(),
    description: { name: '@tensorflow/tfjs-backend-cpu', tensorflow: null, device: 'cpu' },
    trainable: false,
    refusal: `Training needs the native engine and ${reason}: ${advice}.`,
  };
}
