import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveOf, temporaryFolder } from './setup.fixture.js';
import { unpackArchive } from './unpack-wheel.js';

const long = 'a library of many bytes '.repeat(10_000);

describe('unpackArchive', () => {
  let folder: string;
  let archive: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    archive = path.join(folder, 'wheel.whl');
    await fs.writeFile(archive, archiveOf({ 'tensorflow/long.so': long, 'tensorflow/short.h': 'int x;', other: 'no' }));
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  it('writes the listed files, stored or deflated, and no others', async () => {
    const files = new Map([
      ['tensorflow/long.so', path.join(folder, 'out/lib/long.so')],
      ['tensorflow/short.h', path.join(folder, 'out/include/short.h')],
    ]);
    const steps: [number, number][] = [];
    await unpackArchive(archive, { files, onProgress: (done, total) => steps.push([done, total]) });
    expect(await fs.readFile(path.join(folder, 'out/lib/long.so'), 'utf8')).toBe(long);
    expect(await fs.readFile(path.join(folder, 'out/include/short.h'), 'utf8')).toBe('int x;');
    expect(await fs.readdir(path.join(folder, 'out'))).toEqual(['include', 'lib']);
    expect(steps.at(-1)).toEqual([long.length + 6, long.length + 6]);
  });

  it('names a file that the archive should hold', async () => {
    const files = new Map([['tensorflow/absent.so', path.join(folder, 'absent.so')]]);
    await expect(unpackArchive(archive, { files })).rejects.toThrow(/should hold tensorflow\/absent\.so/);
  });

  it('refuses what is not an archive, and one that was cut short', async () => {
    const whole = await fs.readFile(archive);
    await fs.writeFile(archive, whole.subarray(0, whole.length / 2));
    const files = new Map([['other', path.join(folder, 'other')]]);
    await expect(unpackArchive(archive, { files })).rejects.toMatchObject({ code: 'wheel-refused' });
  });

  it('refuses an entry of another size than announced', async () => {
    const bytes = await fs.readFile(archive);
    const header = bytes.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
    bytes.writeUInt32LE(long.length + 1, header + 24);
    await fs.writeFile(archive, bytes);
    const files = new Map([['tensorflow/long.so', path.join(folder, 'long.so')]]);
    await expect(unpackArchive(archive, { files })).rejects.toThrow(/should have \d+ bytes/);
  });

  it('stops when it is interrupted', async () => {
    const files = new Map([['tensorflow/long.so', path.join(folder, 'long.so')]]);
    await expect(unpackArchive(archive, { files, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});
