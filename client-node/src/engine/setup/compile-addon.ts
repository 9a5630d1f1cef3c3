import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { lastLine, runCommand } from './command.js';
import { SetupProblem } from './setup-problem.js';
import type { TfjsPackage } from './tfjs-package.js';

export interface CompileOptions {
  tfjs: TfjsPackage;
  /** Folder with `deps/lib` (libraries) and `include`; the addon is written below it where the package expects it. */
  directory: string;
  compiler: string;
  environment: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal | undefined;
}

const compileTimeout = 5 * 60_000;

/** Names the compiler that is missing before anything large is downloaded. */
export async function requireCompiler(
  options: Pick<CompileOptions, 'compiler' | 'environment' | 'signal'>,
): Promise<void> {
  const [program, ...args] = options.compiler.trim().split(/\s+/);
  const outcome = await runCommand(program, [...args, '--version'], { ...options, timeout: 30_000 });
  options.signal?.throwIfAborted();
  if (outcome.status === 0) return;
  throw new SetupProblem(
    'no-compiler',
    `The C++ compiler ${options.compiler} does not run: install one (Debian: apt install g++) or set CXX.`,
  );
}

/** Compiles the two C++ files of the package directly: node-gyp would download Node's headers. */
export async function compileAddon(options: CompileOptions): Promise<void> {
  const { tfjs, directory } = options;
  const addon = path.join(directory, tfjs.addonFile);
  await fs.mkdir(path.dirname(addon), { recursive: true });
  const [program, ...args] = options.compiler.trim().split(/\s+/);
  const outcome = await runCommand(program, [...args, ...compilerArguments(options, addon)], {
    environment: options.environment,
    timeout: compileTimeout,
    signal: options.signal,
  });
  options.signal?.throwIfAborted();
  if (outcome.status === 0) return;
  if (/no space left/i.test(outcome.stderr)) {
    throw new SetupProblem('disk-full', 'The disk filled up while the addon was compiled: make room and start again.');
  }
  const cause = outcome.stderr.split('\n').find((line) => line.includes('error')) ?? lastLine(outcome.stderr);
  throw new SetupProblem('compile-failed', `${options.compiler} could not compile the addon: ${cause.trim()}`);
}

function compilerArguments({ tfjs, directory }: CompileOptions, addon: string): string[] {
  const libraries = path.join(directory, 'deps', 'lib');
  // Relative to the addon, so the folder may be renamed and linked to from anywhere.
  const fromAddon = `$ORIGIN/${path.relative(path.dirname(addon), libraries)}`;
  return [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'],
    ...[`-I${nodeApiHeaders()}`, `-I${path.join(directory, 'include')}`],
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => path.join(tfjs.directory, 'binding', file)),
    ...[`-L${libraries}`, '-ltensorflow', '-ltensorflow_framework', `-Wl,-rpath,${fromAddon}`],
    ...['-o', addon],
  ];
}

function nodeApiHeaders(): string {
  const headers = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };
  return headers.include_dir;
}
