import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadWheel, sha256OfFile, verifyWheel } from './fetch-wheel.js';
import { programs, recordingReporter, temporaryFolder } from './setup.fixture.js';
import { TENSORFLOW_WHEEL } from './wheel-pin.js';

const pipVersion = 'if [ "$3" = "--version" ]; then echo pip 23; exit 0; fi';

describe('downloadWheel', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  /** Downloads with only these programs on the PATH. */
  async function download(scripts: Record<string, string>): Promise<string> {
    const bin = await programs(path.join(folder, 'bin'), scripts);
    return downloadWheel({
      pin: TENSORFLOW_WHEEL,
      workspace: folder,
      environment: { PATH: bin },
      reporter: recordingReporter(),
    });
  }

  it('asks pip for one pinned file, and keeps its temporary files on the disk of the cache', async () => {
    const script = `${pipVersion}\nfor last; do :; done\necho "$@" > "$last/../said"\necho "$TMPDIR" >> "$last/../said"\n: > "$last/tensorflow.whl"`;
    const wheel = await download({ python: script });
    expect(wheel).toBe(path.join(folder, 'download', 'tensorflow.whl'));
    const said = await fs.readFile(path.join(folder, 'said'), 'utf8');
    expect(said).toContain('-m pip download --no-deps --only-binary=:all: --require-hashes');
    expect(said).toContain(path.join(folder, 'pip'));
    const requirements = await fs.readFile(path.join(folder, 'requirements.txt'), 'utf8');
    expect(requirements).toBe(`tensorflow-cpu==2.21.0 --hash=sha256:${TENSORFLOW_WHEEL.sha256}\n`);
  });

  it('prefers an interpreter that has pip', async () => {
    const script = `${pipVersion}\nfor last; do :; done\n: > "$last/tensorflow.whl"`;
    await expect(download({ python3: 'exit 1', python: script })).resolves.toMatch(/tensorflow\.whl$/);
  });

  it.each([
    ['no-python', {}, /No python3 with pip.*apt install python3-pip/],
    ['no-pip', { python3: 'echo "No module named pip" >&2; exit 1' }, /python3 is here but has no pip: install it/],
    [
      'no-network',
      { python3: `${pipVersion}\necho "WARNING: Retrying: Temporary failure in name resolution" >&2; exit 1` },
      /pip cannot reach a package index.*CONSILIUM_ENGINE_WHEEL/,
    ],
    [
      'disk-full',
      { python3: `${pipVersion}\necho "ERROR: [Errno 28] No space left on device" >&2; exit 1` },
      /disk filled up/,
    ],
    [
      'wheel-refused',
      {
        python3: `${pipVersion}\necho "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" >&2; exit 1`,
      },
      /another file than tensorflow-cpu 2\.21\.0/,
    ],
    ['unexpected', { python3: `${pipVersion}\necho "ERROR: something else" >&2; exit 1` }, /something else/],
  ] as const)('says in one sentence what is wrong: %s', async (code, scripts, sentence) => {
    const failure = await download(scripts).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string });
    expect((failure as Error).message).not.toContain('\n');
  });
});

describe('verifyWheel', () => {
  it('takes the pinned file only', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'a.whl');
    await fs.writeFile(file, 'content');
    const pin = { ...TENSORFLOW_WHEEL, sha256: await sha256OfFile(file) };
    await expect(verifyWheel(file, pin)).resolves.toBeUndefined();
    await expect(verifyWheel(file, TENSORFLOW_WHEEL)).rejects.toThrow(/expected SHA-256 .* got ed7002b439e9ac84/);
    await expect(verifyWheel(path.join(folder, 'b.whl'), pin)).rejects.toThrow(/does not exist/);
    await fs.rm(folder, { recursive: true });
  });
});
