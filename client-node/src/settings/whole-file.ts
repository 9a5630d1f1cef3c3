import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { asFileFailure, NodeFailure, systemCode } from './failure.js';

/** Writes beside the target, flushes and renames: a reader sees the old file or the new one, never a part. */
export async function writeWholeFile(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mode = 0o644,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'wx', mode);
    try {
      const pieces = typeof data === 'string' || data instanceof Uint8Array ? [data] : data;
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw asFileFailure(error, `writing ${path}`);
  }
}

/** A folder with these files comes into being as a whole, or not at all. One that is there already is a failure (usage). */
export async function writeWholeFolder(path: string, files: ReadonlyMap<string, Iterable<Uint8Array>>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`;
  try {
    if ((await lstat(path).catch(() => undefined)) !== undefined)
      throw new NodeFailure('usage', `${path}: expected a folder that does not exist yet`);
    for (const [name, pieces] of files) await writeWholeFile(join(temporary, name), pieces);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw asFileFailure(error, `writing ${path}`);
  }
}

export async function readFileIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw asFileFailure(error, `reading ${path}`);
  }
}

/** Undefined where there is no such file; a file that does not hold what it should is a failure that names it. */
export async function readJsonIfPresent<S extends z.ZodType>(
  path: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  const bytes = await readFileIfPresent(path);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new NodeFailure('usage', `${path}: expected JSON, got ${JSON.stringify(bytes.toString('utf8', 0, 40))}`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new NodeFailure('usage', `${path}: ${firstIssue(parsed.error)}`);
  return parsed.data;
}

export function firstIssue(error: z.ZodError): string {
  const issue = error.issues.at(0);
  if (issue === undefined) return 'does not have the expected form';
  const place = issue.path.map(String).join('.');
  return place === '' ? issue.message : `${place}: ${issue.message}`;
}
