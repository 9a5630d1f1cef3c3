import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';

/** What a site may say about its engine. Every field has a default, so an empty object is a valid setting. */
export const EngineSettings = z.strictObject({
  /** `auto` takes a GPU where the addon sees one; `gpu` refuses to train on anything else. */
  device: z.enum(['auto', 'cpu', 'gpu']).default('auto'),
  /** Threads of one operation; the default is every core this process may use. */
  threads: z.int().min(1).max(1024).default(os.availableParallelism()),
  /** Where built engines are kept, one copy for all checkouts of this user. */
  cache: z.string().min(1),
  /** A TensorFlow wheel already on this machine, used instead of a download. */
  wheel: z.string().min(1).optional(),
  /** C++ compiler, with arguments if need be (`ccache g++`). */
  compiler: z.string().min(1).default('g++'),
  /** Restricts the attempts of the set-up; `auto` tries all in order. */
  source: z.enum(['auto', 'stock', 'wheel', 'javascript']).default('auto'),
});
export type EngineSettings = z.infer<typeof EngineSettings>;

/** Reads the settings from an environment; an entry of `overrides` (a command line option) wins over it. */
export function engineSettings(
  environment: Readonly<Record<string, string | undefined>>,
  overrides: Partial<EngineSettings> = {},
): EngineSettings {
  const threads = environment['CONSILIUM_ENGINE_THREADS'];
  const given = {
    device: environment['CONSILIUM_ENGINE_DEVICE'],
    threads: threads ? Number(threads) : undefined,
    cache: environment['CONSILIUM_ENGINE_CACHE'] || cacheDirectory(environment),
    wheel: environment['CONSILIUM_ENGINE_WHEEL'] || undefined,
    compiler: environment['CXX'] || undefined,
    source: environment['CONSILIUM_ENGINE_SOURCE'],
    ...Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)),
  };
  const parsed = EngineSettings.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RangeError(`engine settings: ${issue.path.join('.')}: ${issue.message}`);
}

function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment['XDG_CACHE_HOME'] || path.join(environment['HOME'] || os.homedir(), '.cache');
  return path.join(base, 'consilium', 'engine');
}

/**
 * Environment of a process that computes. glibc's allocator is kept from giving large blocks back to the kernel after
 * every operation: page faults cost 2 to 30 % of a step otherwise. It takes effect only when set before the start.
 */
export function engineEnvironment(settings: EngineSettings): Record<string, string> {
  return {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_ENABLE_ONEDNN_OPTS: '1',
    TF_NUM_INTRAOP_THREADS: String(settings.threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(settings.threads),
    MALLOC_MMAP_MAX_: '0',
    MALLOC_TRIM_THRESHOLD_: '1000000000000',
    ...(settings.device === 'cpu' ? { CUDA_VISIBLE_DEVICES: '' } : {}),
  };
}
