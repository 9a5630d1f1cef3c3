import fs from 'node:fs/promises';
import { SetupProblem } from './setup-problem.js';

export type FreeBytes = (directory: string) => Promise<number>;

export const freeBytes: FreeBytes = async (directory) => {
  const { bavail, bsize } = await fs.statfs(directory);
  return bavail * bsize;
};

/** Refuses before the first byte is written: a disk that fills up in the middle hurts everything else on the machine. */
export async function requireFreeSpace(directory: string, needed: number, free: FreeBytes = freeBytes): Promise<void> {
  const available = await free(directory);
  if (available >= needed) return;
  throw new SetupProblem(
    'disk-full',
    `The engine needs ${gigabytes(needed)} of free disk in ${directory} while it is built and ${gigabytes(available)} ` +
      'are free: make room, or set CONSILIUM_ENGINE_CACHE to a folder on a larger disk.',
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
