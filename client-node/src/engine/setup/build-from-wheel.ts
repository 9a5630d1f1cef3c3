import fs from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from './command.js';
import { compileAddon, requireCompiler } from './compile-addon.js';
import { requireFreeSpace, type FreeBytes } from './disk-space.js';
import { downloadWheel, verifyWheel } from './fetch-wheel.js';
import { SetupProblem } from './setup-problem.js';
import type { SetupReporter } from './setup-reporter.js';
import type { TfjsPackage } from './tfjs-package.js';
import { unpackArchive } from './unpack-wheel.js';
import { HEADERS, LIBRARIES, LIBRARY_LINKS, type WheelPin } from './wheel-pin.js';

export interface BuildOptions {
  tfjs: TfjsPackage;
  pin: WheelPin;
  /** Folder to fill; it is renamed into place when everything in it is proven. */
  directory: string;
  cache: string;
  localWheel?: string | undefined;
  compiler: string;
  environment: Readonly<Record<string, string | undefined>>;
  reporter: SetupReporter;
  free?: FreeBytes | undefined;
  signal?: AbortSignal | undefined;
}

const stripTimeout = 5 * 60_000;

/** Fills `directory` with TensorFlow's libraries from the pinned wheel and an addon compiled against them. */
export async function buildFromWheel(options: BuildOptions): Promise<void> {
  const { pin, directory, reporter } = options;
  requirePlatform(process.platform, process.arch, hasGlibc());
  await requireCompiler(options);
  const kept = path.join(options.cache, `${pin.sha256}.whl`);
  await requireFreeSpace(options.cache, await peakBytes(options, kept), options.free);
  const wheel = options.localWheel ?? (await ownWheel(options, kept));
  reporter.note(`unpacks TensorFlow ${pin.version} from ${path.basename(wheel)}.`);
  await unpackArchive(wheel, {
    files: wantedFiles(directory),
    signal: options.signal,
    onProgress: (done, total) => {
      reporter.progress('unpacking', done, total);
    },
  });
  await strip(options);
  for (const [link, library] of Object.entries(LIBRARY_LINKS)) {
    await fs.symlink(library, path.join(directory, 'deps', 'lib', link));
  }
  reporter.note(`compiles the addon with ${options.compiler}.`);
  await compileAddon(options);
  await fs.rm(path.join(directory, 'include'), { recursive: true });
}

/** Before anything is downloaded: the pinned libraries are for one platform. */
export function requirePlatform(platform: string, architecture: string, glibc: boolean): void {
  if (platform === 'linux' && architecture === 'x64' && glibc) return;
  const found = `${platform} ${architecture}${platform === 'linux' && !glibc ? ' without glibc' : ''}`;
  throw new SetupProblem(
    'unsupported-platform',
    `The native engine is built on Linux x64 with glibc, and this is ${found}: train on such a machine.`,
  );
}

function hasGlibc(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime !== undefined;
}

/** The wheel is kept from its download to the end of the build, so that an interruption does not cost it twice. */
async function ownWheel(options: BuildOptions, kept: string): Promise<string> {
  const { pin, directory, environment, reporter, signal } = options;
  const present = await fs.access(kept).then(
    () =>
      verifyWheel(kept, pin).then(
        () => true,
        () => false,
      ),
    () => false,
  );
  if (present) {
    reporter.note('uses the wheel that an interrupted set-up downloaded.');
    return kept;
  }
  const workspace = path.join(directory, 'wheel');
  await fs.mkdir(workspace, { recursive: true });
  const downloaded = await downloadWheel({ pin, workspace, environment, reporter, signal });
  await verifyWheel(downloaded, pin);
  await fs.rename(downloaded, kept);
  await fs.rm(workspace, { recursive: true });
  return kept;
}

/** pip holds its download twice for a moment; `strip` writes a copy of each library beside it. */
async function peakBytes({ pin, localWheel }: BuildOptions, kept: string): Promise<number> {
  const present =
    localWheel !== undefined ||
    (await fs.access(kept).then(
      () => true,
      () => false,
    ));
  return pin.unpackedBytes + pin.strippedBytes + (present ? 0 : pin.bytes) + 50e6;
}

function wantedFiles(directory: string): Map<string, string> {
  return new Map([
    ...LIBRARIES.map((name): [string, string] => [`tensorflow/${name}`, path.join(directory, 'deps', 'lib', name)]),
    ...HEADERS.map((name): [string, string] => [`tensorflow/include/${name}`, path.join(directory, 'include', name)]),
  ]);
}

/** Symbols that only a linker of TensorFlow itself would want are a quarter of the files. Optional: it saves disk. */
async function strip(options: BuildOptions): Promise<void> {
  const outcome = await runCommand('strip', ['--strip-unneeded', ...LIBRARIES], {
    cwd: path.join(options.directory, 'deps', 'lib'),
    environment: options.environment,
    timeout: stripTimeout,
    signal: options.signal,
  });
  options.signal?.throwIfAborted();
  if (outcome.status !== 0)
    options.reporter.note('keeps the libraries unstripped: strip is not on the PATH or failed.');
}
