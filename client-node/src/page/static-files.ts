import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { systemCode } from '../settings/failure.js';

const TYPES: Readonly<Partial<Record<string, string>>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** A file of a built page; null where there is none, or where the path leads out of the folder. */
export async function staticFile(folder: string, path: string): Promise<{ type: string; content: Buffer } | null> {
  const place = normalize(path);
  const type = TYPES[extname(place)];
  if (type === undefined || place.includes('..') || place.includes('\0')) return null;
  try {
    return { type, content: await readFile(join(folder, place)) };
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw error;
  }
}
