import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { lastLine, runCommand, type CommandOutcome } from './command.js';
import { SetupProblem } from './setup-problem.js';
import type { SetupReporter } from './setup-reporter.js';
import type { WheelPin } from './wheel-pin.js';

export interface FetchOptions {
  pin: WheelPin;
  /** Folder of this attempt, on the disk of the cache; removed by the caller whatever happens. */
  workspace: string;
  environment: Readonly<Record<string, string | undefined>>;
  reporter: SetupReporter;
  signal?: AbortSignal | undefined;
}

const interpreters = ['python3', 'python'];
const pipStartTimeout = 60_000;
const downloadTimeout = 30 * 60_000;

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Refuses any file but the pinned one. */
export async function verifyWheel(file: string, pin: WheelPin): Promise<void> {
  const got = await sha256OfFile(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new SetupProblem('wheel-refused', `The wheel ${file} does not exist.`);
  });
  if (got === pin.sha256) return;
  throw new SetupProblem(
    'wheel-refused',
    `${file} is not ${pin.distribution} ${pin.version}: expected SHA-256 ${pin.sha256.slice(0, 16)}…, got ${got.slice(0, 16)}….`,
  );
}

/** Downloads the pinned wheel with pip, whatever Python pip belongs to, and returns its path inside the workspace. */
export async function downloadWheel(options: FetchOptions): Promise<string> {
  const python = await findPip(options);
  const { pin, workspace } = options;
  const requirements = path.join(workspace, 'requirements.txt');
  const target = path.join(workspace, 'download');
  const temporary = path.join(workspace, 'pip');
  await Promise.all([target, temporary].map((directory) => fs.mkdir(directory, { recursive: true })));
  await fs.writeFile(requirements, `${pin.distribution}==${pin.version} --hash=sha256:${pin.sha256}\n`);
  options.reporter.note(
    `${python} -m pip downloads ${pin.distribution} ${pin.version} (${megabytes(pin.bytes)}, once).`,
  );
  const stopWatching = watchGrowth(workspace, options);
  const outcome = await runCommand(python, [...pipArguments(pin), '-r', requirements, '-d', target], {
    // pip's own temporary folder may be a small memory disk, and its bytes there could not be watched.
    environment: { ...options.environment, TMPDIR: temporary, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    timeout: downloadTimeout,
    signal: options.signal,
  }).finally(stopWatching);
  options.signal?.throwIfAborted();
  const wheel = (await fs.readdir(target)).find((name) => name.endsWith('.whl'));
  if (outcome.status !== 0 || wheel === undefined) throw downloadProblem(outcome, pin);
  options.reporter.progress('download', pin.bytes, pin.bytes);
  return path.join(target, wheel);
}

function pipArguments(pin: WheelPin): string[] {
  return [
    ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-cache-dir'],
    ...['--implementation', 'cp', '--python-version', pin.python, '--platform', pin.platform],
    ...['--progress-bar', 'off', '--retries', '1'],
  ];
}

async function findPip(options: FetchOptions): Promise<string> {
  let withoutPip: string | undefined;
  for (const python of interpreters) {
    const outcome = await runCommand(python, ['-m', 'pip', '--version'], {
      environment: options.environment,
      timeout: pipStartTimeout,
      signal: options.signal,
    });
    options.signal?.throwIfAborted();
    if (outcome.status === 0) return python;
    if (!outcome.missing) withoutPip ??= python;
  }
  if (withoutPip !== undefined) {
    throw new SetupProblem(
      'no-pip',
      `${withoutPip} is here but has no pip: install it (Debian: apt install python3-pip).`,
    );
  }
  throw new SetupProblem(
    'no-python',
    'No python3 with pip is on the PATH: install them (Debian: apt install python3-pip), they fetch TensorFlow.',
  );
}

/** pip is silent without a terminal: the size of what it has written so far is the progress. */
function watchGrowth(workspace: string, { pin, reporter }: FetchOptions): () => void {
  let highest = 0;
  const timer = setInterval(() => {
    void largestFile(workspace).then((bytes) => {
      highest = Math.max(highest, Math.min(bytes, pin.bytes));
      reporter.progress('download', highest, pin.bytes);
    });
  }, 500);
  return () => {
    clearInterval(timer);
  };
}

async function largestFile(directory: string): Promise<number> {
  const names = await fs.readdir(directory, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      fs.stat(path.join(directory, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...sizes);
}

const networkSigns =
  /connection|resolution|resolve|timed out|timeout|unreachable|proxy|ssl|certificate|max retries|getaddrinfo|from versions: none/i;

/** Says in one sentence why pip failed, from the end of what it wrote. */
export function downloadProblem(outcome: CommandOutcome, pin: WheelPin): SetupProblem {
  const said = `${outcome.stdout}\n${outcome.stderr}`;
  const wheel = `${pin.distribution} ${pin.version}`;
  if (/no space left|disk quota/i.test(said)) {
    return new SetupProblem(
      'disk-full',
      `The disk filled up while pip downloaded ${wheel}: make room and start again.`,
    );
  }
  if (/do not match the hashes|hash mismatch/i.test(said)) {
    return new SetupProblem(
      'wheel-refused',
      `The package index served another file than ${wheel}: its digest differs.`,
    );
  }
  if (outcome.timedOut) {
    return new SetupProblem('no-network', `pip did not finish downloading ${wheel} within 30 minutes.`);
  }
  if (networkSigns.test(said)) {
    return new SetupProblem(
      'no-network',
      `pip cannot reach a package index that has ${wheel}: connect to a network or configure pip's index, or download ` +
        'the wheel elsewhere and set CONSILIUM_ENGINE_WHEEL to the file.',
    );
  }
  return new SetupProblem(
    'unexpected',
    `pip could not download ${wheel}: ${lastLine(outcome.stderr) || 'no reason given'}`,
  );
}

function megabytes(bytes: number): string {
  return `${String(Math.round(bytes / 1e6))} MB`;
}
