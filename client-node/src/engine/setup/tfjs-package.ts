import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import type { WheelPin } from './wheel-pin.js';

/** GPU first: it is the only one of the two that an operator adds on purpose. One process never loads both. */
export const TFJS_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
export type TfjsPackageName = (typeof TFJS_PACKAGES)[number];

export interface TfjsPackage {
  name: TfjsPackageName;
  version: string;
  directory: string;
  /** Where the package looks for its addon, relative to its directory; ends in the N-API version, as `lib/napi-v8`. */
  addonDirectory: string;
  addonFile: string;
  /** Host of the stock binaries, as the package itself names it. */
  binaryHost: string;
}

const Manifest = z.object({
  version: z.string(),
  binary: z.object({
    module_name: z.string(),
    module_path: z.string(),
    host: z.string(),
    napi_versions: z.array(z.int()).min(1),
  }),
});

/** The tfjs packages that are installed, in order of preference. */
export function installedPackages(from: string | URL = import.meta.url): TfjsPackage[] {
  const { resolve } = createRequire(from);
  return TFJS_PACKAGES.flatMap((name) => {
    try {
      return [readPackage(name, path.dirname(resolve(`${name}/package.json`)))];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return [];
      throw error;
    }
  });
}

export function readPackage(name: TfjsPackageName, directory: string): TfjsPackage {
  const manifest = Manifest.parse(JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')));
  const supported = manifest.binary.napi_versions.filter((version) => version <= Number(process.versions['napi']));
  const module = manifest.binary.module_path.replace('{napi_build_version}', String(Math.max(...supported)));
  return {
    name,
    version: manifest.version,
    directory,
    addonDirectory: path.normalize(module),
    addonFile: path.join(path.normalize(module), `${manifest.binary.module_name}.node`),
    binaryHost: manifest.binary.host,
  };
}

/**
 * Name of the cache entry: everything that decides the bytes of the addon. The addon speaks N-API, so one entry serves
 * every Node version with that N-API.
 */
export function cacheKey(tfjs: TfjsPackage, source: 'stock' | 'wheel', pin: WheelPin): string {
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify([source, tfjs.version, path.basename(tfjs.addonDirectory), process.platform, process.arch]),
  );
  if (source === 'stock') hash.update(tfjs.name);
  else hash.update(JSON.stringify([pin.distribution, pin.version, pin.sha256]));
  const binding = path.join(tfjs.directory, 'binding');
  const files = existsSync(binding) ? readdirSync(binding).sort() : [];
  for (const file of files) {
    hash.update(`\0${file}\0`).update(readFileSync(path.join(binding, file)));
  }
  const label = source === 'stock' ? `stock-${tfjs.version}` : `${pin.distribution}-${pin.version}`;
  return `${label}-${hash.digest('hex').slice(0, 16)}`;
}
