import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { lastLine, runCommand } from './command.js';
import { requireFreeSpace } from './disk-space.js';
import { SetupProblem } from './setup-problem.js';
import type { SetupReporter } from './setup-reporter.js';
import type { TfjsPackage } from './tfjs-package.js';

export interface StockOptions {
  tfjs: TfjsPackage;
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  reporter: SetupReporter;
  signal?: AbortSignal | undefined;
}

const probeTimeout = 5_000;
const installTimeout = 15 * 60_000;
/** The GPU library, the larger one, unpacked and its archive. */
const peakBytes = 1.6e9;
const copiedParts = ['package.json', 'binding.gyp', 'binding', 'scripts'];

/** Closed networks drop packets rather than refuse, so the host has five seconds to answer anything at all. */
export async function hostAnswers(url: string, timeout = probeTimeout): Promise<boolean> {
  try {
    const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(timeout) });
    // A proxy that stands in for the host answers with an error of its own.
    return answer.status < 500 && answer.status !== 407;
  } catch {
    return false;
  }
}

/**
 * Runs the package's own installation script in a copy of its sources, which leaves `deps` and the addon in `directory`.
 * The script rewrites its package.json and deletes what it finds; neither may happen to an installed package.
 */
export async function installStockBinary(options: StockOptions): Promise<void> {
  const { tfjs, directory, reporter } = options;
  reporter.note(`asking the download host of ${tfjs.name} for its stock binary.`);
  if (!(await hostAnswers(tfjs.binaryHost))) {
    throw new SetupProblem('stock-unavailable', `The download host of ${tfjs.name} cannot be reached from here.`);
  }
  await fs.mkdir(directory, { recursive: true });
  await requireFreeSpace(directory, peakBytes);
  for (const part of copiedParts) {
    await fs.cp(path.join(tfjs.directory, part), path.join(directory, part), { recursive: true });
  }
  const modules = moduleFolders(tfjs.directory);
  reporter.note(`${tfjs.name} downloads its stock binary.`);
  const kind = tfjs.name.endsWith('-gpu') ? 'gpu' : 'cpu';
  const outcome = await runCommand(process.execPath, ['scripts/install.js', kind, 'download'], {
    cwd: directory,
    environment: {
      ...options.environment,
      NODE_PATH: modules.join(path.delimiter),
      PATH: [...modules.map((folder) => path.join(folder, '.bin')), options.environment['PATH'] ?? ''].join(
        path.delimiter,
      ),
    },
    timeout: installTimeout,
    signal: options.signal,
  });
  options.signal?.throwIfAborted();
  if (outcome.status !== 0 || !existsSync(path.join(directory, tfjs.addonFile))) {
    throw new SetupProblem(
      'stock-unavailable',
      `${tfjs.name} could not install its stock binary: ${lastLine(outcome.stderr) || 'no addon came'}.`,
    );
  }
  for (const part of copiedParts) await fs.rm(path.join(directory, part), { recursive: true, force: true });
}

/** Every node_modules folder that the package would resolve its dependencies in. */
function moduleFolders(directory: string): string[] {
  const folders = [path.join(directory, 'node_modules')];
  for (let at = directory; at !== path.dirname(at); at = path.dirname(at)) {
    if (path.basename(at) === 'node_modules') folders.push(at);
  }
  return folders.filter((folder) => existsSync(folder));
}
