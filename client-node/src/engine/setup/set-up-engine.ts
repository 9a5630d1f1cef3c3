import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { EngineSettings } from '../engine-settings.js';
import { buildFromWheel } from './build-from-wheel.js';
import { withCacheLock } from './cache-lock.js';
import type { FreeBytes } from './disk-space.js';
import { verifyWheel } from './fetch-wheel.js';
import { hasOwnLibraries, linkPackage } from './link-package.js';
import { problemOf, SetupProblem, type SetupProblemCode } from './setup-problem.js';
import type { SetupReporter } from './setup-reporter.js';
import { installStockBinary } from './stock-binary.js';
import { addonTest, type AddonFacts, type AddonTest } from './test-addon.js';
import { cacheKey, installedPackages, type TfjsPackage } from './tfjs-package.js';
import { TENSORFLOW_WHEEL, type WheelPin } from './wheel-pin.js';

export type EngineSource = 'installed' | 'cache' | 'stock' | 'wheel';

export type EngineSetup =
  | { kind: 'native'; source: EngineSource; tensorflow: string; gpu: boolean; directory: string; seconds: number }
  | { kind: 'javascript'; problem: SetupProblemCode; reason: string; seconds: number };

export interface SetupOptions {
  settings: EngineSettings;
  reporter: SetupReporter;
  /** Environment of the programs that are started: pip and the compiler read theirs from it. */
  environment: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal | undefined;
  // Replaced in tests:
  packages?: TfjsPackage[] | undefined;
  pin?: WheelPin | undefined;
  test?: AddonTest | undefined;
  free?: FreeBytes | undefined;
}

interface Context extends SetupOptions {
  packages: TfjsPackage[];
  pin: WheelPin;
  test: AddonTest;
}

type Found = AddonFacts & { source: EngineSource; directory: string };

/**
 * Sees to it that this checkout's tfjs packages have a working native addon, at the least cost that does it.
 * Never throws, except the signal's own reason when it is aborted: without an engine there is still everything else.
 */
export async function setUpEngine(options: SetupOptions): Promise<EngineSetup> {
  const began = performance.now();
  const seconds = (): number => Math.round(performance.now() - began) / 1000;
  const { settings, environment, signal } = options;
  try {
    if (settings.source === 'javascript')
      throw new SetupProblem('turned-off', 'The settings turn the native engine off.');
    const context: Context = {
      ...options,
      packages: options.packages ?? installedPackages(),
      pin: options.pin ?? TENSORFLOW_WHEEL,
      test: options.test ?? addonTest(settings.cache, environment, signal),
    };
    return { kind: 'native', ...(await findEngine(context)), seconds: seconds() };
  } catch (error) {
    signal?.throwIfAborted();
    const problem = problemOf(error);
    options.reporter.note(problem.message);
    return { kind: 'javascript', problem: problem.code, reason: problem.message, seconds: seconds() };
  }
}

async function findEngine(context: Context): Promise<Found> {
  const { packages, settings, reporter, signal } = context;
  const wanted = preferred(packages);
  const ready = (await installedEngine(context)) ?? (await cachedEngine(context));
  if (ready !== null) return ready;
  return withCacheLock(
    settings.cache,
    reporter,
    async () => {
      // Whoever held the lock before may have built what is wanted.
      const meanwhile = await cachedEngine(context);
      if (meanwhile !== null) return meanwhile;
      await removeLeftovers(settings.cache);
      return buildEngine(context, wanted);
    },
    { signal },
  );
}

/** The GPU package is built for only where it is the one that will be loaded; both are linked to the same addon. */
function preferred(packages: readonly TfjsPackage[]): TfjsPackage {
  const tfjs = packages.find(({ name }) => name === '@tensorflow/tfjs-node') ?? packages.at(0);
  if (tfjs !== undefined) return tfjs;
  throw new SetupProblem(
    'package-missing',
    'Neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed: run npm ci.',
  );
}

/** A package that was installed with its own binary, by whoever runs this machine, comes first if it works. */
async function installedEngine({ packages, test, reporter }: Context): Promise<Found | null> {
  for (const tfjs of packages) {
    if (!(await hasOwnLibraries(tfjs))) continue;
    const outcome = await test(path.join(tfjs.directory, tfjs.addonFile));
    if (!('failed' in outcome)) return { ...outcome, source: 'installed', directory: tfjs.directory };
    reporter.note(`the binary installed in ${tfjs.name} does not work (${outcome.failed}).`);
  }
  return null;
}

async function cachedEngine(context: Context): Promise<Found | null> {
  const { packages, settings, pin, test, reporter } = context;
  for (const source of sources(settings)) {
    const entry = path.join(settings.cache, cacheKey(stockOrWheelPackage(context, source), source, pin));
    const addon = path.join(entry, packages[0].addonFile);
    if (!existsSync(addon)) continue;
    const outcome = await test(addon);
    if (!('failed' in outcome)) return link(context, entry, { ...outcome, source: 'cache', directory: entry });
    reporter.note(`the engine in the cache does not work (${outcome.failed}); it is built again.`);
  }
  return null;
}

function sources(settings: EngineSettings): ('stock' | 'wheel')[] {
  if (settings.source === 'stock') return ['stock'];
  // A wheel that a site gives by hand is what it wants to run.
  if (settings.source === 'wheel' || settings.wheel !== undefined) return ['wheel'];
  // The wheel is the newer TensorFlow by years and the one that training is measured with; the stock binary needs no compiler.
  return ['wheel', 'stock'];
}

function stockOrWheelPackage({ packages, settings }: Context, source: 'stock' | 'wheel'): TfjsPackage {
  const gpu = packages.find(({ name }) => name.endsWith('-gpu'));
  const hasDriver = existsSync('/proc/driver/nvidia/version');
  return source === 'stock' && gpu !== undefined && hasDriver && settings.device !== 'cpu' ? gpu : preferred(packages);
}

async function link(context: Context, entry: string, found: Found): Promise<Found> {
  for (const tfjs of context.packages) {
    if (await linkPackage(tfjs, entry)) context.reporter.note(`${tfjs.name} is linked to ${entry}.`);
  }
  return found;
}

async function buildEngine(context: Context, wanted: TfjsPackage): Promise<Found> {
  const problems: SetupProblem[] = [];
  for (const source of sources(context.settings)) {
    try {
      return await buildOne(context, source, source === 'stock' ? stockOrWheelPackage(context, source) : wanted);
    } catch (error) {
      context.signal?.throwIfAborted();
      const problem = problemOf(error);
      problems.push(problem);
      context.reporter.note(problem.message);
    }
  }
  throw problems[0];
}

/** Everything happens in a folder of this process, which gets its name in the cache only after its addon passed. */
async function buildOne(context: Context, source: 'stock' | 'wheel', tfjs: TfjsPackage): Promise<Found> {
  const { settings, pin, environment, reporter, signal, test } = context;
  const entry = path.join(settings.cache, cacheKey(tfjs, source, pin));
  const directory = `${entry}.${String(process.pid)}.partial`;
  const shared = { tfjs, directory, environment, reporter, signal };
  try {
    if (source === 'stock') await installStockBinary(shared);
    else await fromWheel(context, shared);
    const outcome = await test(path.join(directory, tfjs.addonFile));
    if ('failed' in outcome) {
      throw new SetupProblem('smoke-test-failed', `The new addon fails its test: ${outcome.failed}.`);
    }
    await fs.rm(entry, { recursive: true, force: true });
    await fs.rename(directory, entry);
    await fs.rm(path.join(settings.cache, `${pin.sha256}.whl`), { force: true });
    return await link(context, entry, { ...outcome, source, directory: entry });
  } finally {
    await fs.rm(directory, { recursive: true, force: true });
  }
}

async function fromWheel(context: Context, shared: Parameters<typeof installStockBinary>[0]): Promise<void> {
  const { settings, pin, free } = context;
  if (settings.wheel !== undefined) await verifyWheel(settings.wheel, pin);
  const { cache, compiler, wheel: localWheel } = settings;
  await buildFromWheel({ ...shared, pin, cache, compiler, localWheel, free });
}

/** What a killed set-up left behind. Called under the lock, so no living process works in any of these. */
async function removeLeftovers(cache: string): Promise<void> {
  const names = await fs.readdir(cache);
  for (const name of names.filter((each) => each.endsWith('.partial'))) {
    await fs.rm(path.join(cache, name), { recursive: true, force: true });
  }
}
