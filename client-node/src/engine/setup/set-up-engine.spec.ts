import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineSettings } from '../engine-settings.js';
import { requirePlatform } from './build-from-wheel.js';
import { setUpEngine, type EngineSetup, type SetupOptions } from './set-up-engine.js';
import { archiveOf, bareTfjsPackage, programs, recordingReporter, temporaryFolder } from './setup.fixture.js';
import type { AddonTest } from './test-addon.js';
import type { TfjsPackage } from './tfjs-package.js';
import { HEADERS, LIBRARIES, TENSORFLOW_WHEEL } from './wheel-pin.js';

/** Writes its output file like a compiler: the argument after -o. */
const compiler = 'while [ $# -gt 0 ]; do if [ "$1" = "-o" ]; then echo addon > "$2"; fi; shift; done';
const shell = '/usr/bin:/bin';

describe('setUpEngine', () => {
  let folder: string;
  let cache: string;
  let wheel: string;
  let sha256: string;
  let packages: TfjsPackage[];

  beforeEach(async () => {
    folder = await temporaryFolder();
    cache = path.join(folder, 'cache');
    wheel = path.join(folder, 'tensorflow.whl');
    const names = [
      ...LIBRARIES.map((name) => `tensorflow/${name}`),
      ...HEADERS.map((name) => `tensorflow/include/${name}`),
    ];
    const bytes = archiveOf(Object.fromEntries(names.map((name) => [name, `content of ${name}`])));
    await fs.writeFile(wheel, bytes);
    sha256 = createHash('sha256').update(bytes).digest('hex');
    packages = [
      await bareTfjsPackage(folder, '@tensorflow/tfjs-node-gpu'),
      await bareTfjsPackage(folder, '@tensorflow/tfjs-node'),
    ];
    await programs(path.join(folder, 'bin'), { 'g++': compiler, strip: 'exit 0' });
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const passes: AddonTest = () => Promise.resolve({ tensorflow: '2.21.0', gpu: false });

  function setUp(changes: Partial<SetupOptions> = {}, overrides: Record<string, string> = {}): Promise<EngineSetup> {
    return setUpEngine({
      settings: engineSettings({}, { cache, wheel, source: 'wheel', ...overrides }),
      reporter: recordingReporter(),
      environment: { PATH: `${path.join(folder, 'bin')}:${shell}` },
      packages,
      pin: { ...TENSORFLOW_WHEEL, sha256 },
      test: passes,
      ...changes,
    });
  }

  it('builds in the cache, links both packages, and the second time only looks', async () => {
    const first = await setUp();
    expect(first).toMatchObject({ kind: 'native', source: 'wheel', tensorflow: '2.21.0' });
    for (const tfjs of packages) {
      expect(await fs.readFile(path.join(tfjs.directory, tfjs.addonFile), 'utf8')).toBe('addon\n');
      const library = path.join(tfjs.directory, 'deps/lib/libtensorflow.so.2');
      expect(await fs.readFile(library, 'utf8')).toBe('content of tensorflow/libtensorflow_cc.so.2');
    }
    expect((await fs.readdir(cache)).length).toBe(1);
    expect(await setUp()).toMatchObject({ kind: 'native', source: 'cache' });
  });

  it('links again after an installation, and in place of an engine from elsewhere', async () => {
    await setUp();
    const [gpu, cpu] = packages as [TfjsPackage, TfjsPackage];
    await fs.rm(path.join(gpu.directory, 'lib'), { recursive: true });
    await fs.rm(path.join(gpu.directory, 'deps'));
    await fs.rm(path.join(cpu.directory, cpu.addonFile));
    await fs.writeFile(path.join(cpu.directory, cpu.addonFile), 'foreign');
    expect(await setUp()).toMatchObject({ source: 'cache' });
    for (const tfjs of packages) {
      expect(await fs.readFile(path.join(tfjs.directory, tfjs.addonFile), 'utf8')).toBe('addon\n');
    }
  });

  it('leaves an engine alone that was installed with its own libraries, if it works', async () => {
    const [gpu] = packages as [TfjsPackage, TfjsPackage];
    await fs.mkdir(path.join(gpu.directory, 'deps/lib'), { recursive: true });
    await fs.mkdir(path.join(gpu.directory, gpu.addonDirectory), { recursive: true });
    await fs.writeFile(path.join(gpu.directory, gpu.addonFile), 'stock');
    expect(await setUp()).toMatchObject({ source: 'installed', directory: gpu.directory });
    const test: AddonTest = async (addon) =>
      (await fs.readFile(addon, 'utf8')) === 'stock' ? { failed: 'it crashes' } : passes(addon);
    expect(await setUp({ test })).toMatchObject({ source: 'wheel' });
    expect(await fs.readFile(path.join(gpu.directory, gpu.addonFile), 'utf8')).toBe('addon\n');
  });

  it('builds again what no longer works, and clears away what a killed set-up left', async () => {
    await setUp();
    const [entry] = await fs.readdir(cache);
    await fs.mkdir(path.join(cache, `${entry}.4711.partial`));
    let tests = 0;
    const test: AddonTest = (addon) => (tests++ < 2 ? Promise.resolve({ failed: 'wrong sum' }) : passes(addon));
    const reporter = recordingReporter();
    expect(await setUp({ test, reporter })).toMatchObject({ source: 'wheel' });
    expect(reporter.notes.join('\n')).toContain('does not work (wrong sum); it is built again');
    expect(await fs.readdir(cache)).toEqual([entry]);
  });

  it('leaves nothing half-written when it is interrupted', async () => {
    await programs(path.join(folder, 'bin'), {
      'g++': `[ "$1" = "--version" ] && exit 0\n: > ${path.join(folder, 'compiling')}\nexec sleep 20`,
    });
    const interruption = new AbortController();
    const working = setUp({ signal: interruption.signal });
    await expect
      .poll(() =>
        fs.access(path.join(folder, 'compiling')).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    interruption.abort(new Error('interrupted'));
    await expect(working).rejects.toThrow('interrupted');
    expect(await fs.readdir(cache)).toEqual([]);
    await programs(path.join(folder, 'bin'), { 'g++': compiler });
    expect(await setUp()).toMatchObject({ source: 'wheel' });
  });

  it.each([
    ['no-compiler', { compiler: 'no-such-compiler' }, /no-such-compiler does not run: install one .*g\+\+/],
    ['wheel-refused', { wheel: '/no/such.whl' }, /\/no\/such\.whl does not exist/],
    ['turned-off', { source: 'javascript' }, /turn the native engine off/],
  ] as const)('falls back to JavaScript with one sentence: %s', async (problem, overrides, reason) => {
    const setup = await setUp({}, overrides);
    expect(setup).toMatchObject({ kind: 'javascript', problem, reason: expect.stringMatching(reason) as string });
  });

  it('says how much disk it needs, before it writes', async () => {
    const setup = await setUp({ free: () => Promise.resolve(1e9) });
    const reason = expect.stringMatching(/needs 1\.5 GB of free disk .* 1\.0 GB are free/) as string;
    expect(setup).toMatchObject({ kind: 'javascript', problem: 'disk-full', reason });
    expect(await fs.readdir(cache)).toEqual([]);
  });

  it('does not put an addon into the cache that fails its test', async () => {
    const setup = await setUp({ test: () => Promise.resolve({ failed: 'it was ended by SIGSEGV' }) });
    expect(setup).toMatchObject({ problem: 'smoke-test-failed' });
    expect(await fs.readdir(cache)).toEqual([]);
  });

  it('names the compiler error', async () => {
    const script = '[ "$1" = "--version" ] && exit 0\necho "a.cc:1: fatal error: c_api.h missing" >&2; exit 1';
    await programs(path.join(folder, 'bin'), { 'g++': script });
    expect(await setUp()).toMatchObject({
      problem: 'compile-failed',
      reason: 'g++ could not compile the addon: a.cc:1: fatal error: c_api.h missing',
    });
  });
});

it.each([
  ['darwin', 'arm64', false, 'darwin arm64'],
  ['linux', 'arm64', true, 'linux arm64'],
  ['linux', 'x64', false, 'linux x64 without glibc'],
])('names a platform that the wheel is not for: %s %s, glibc %s', (platform, architecture, glibc, found) => {
  expect(() => {
    requirePlatform(platform, architecture, glibc);
  }).toThrow(`Linux x64 with glibc, and this is ${found}`);
});
