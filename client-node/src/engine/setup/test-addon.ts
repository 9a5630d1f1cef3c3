import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { childEntry } from '../child-entry.js';
import { lastLine, runCommand } from './command.js';

export const AddonFacts = z.object({ tensorflow: z.string(), gpu: z.boolean() });
export type AddonFacts = z.infer<typeof AddonFacts>;

export type AddonTest = (addon: string) => Promise<AddonFacts | { failed: string }>;

const testTimeout = 120_000;

/**
 * Tests an addon in a process of its own: a wrong one ends its process instead of throwing. A pass is remembered for
 * exactly this file, processor and Node, so that later starts cost nothing.
 */
export function addonTest(
  cache: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): AddonTest {
  return async (addon) => {
    const memory = path.join(cache, 'tested', `${await fingerprint(addon)}.json`);
    const known = await remembered(memory);
    if (known !== null) return known;
    const outcome = await runCommand(process.execPath, [childEntry('setup/smoke-test.js'), addon], {
      environment: { ...environment, TF_CPP_MIN_LOG_LEVEL: '3' },
      timeout: testTimeout,
      signal,
    });
    signal?.throwIfAborted();
    if (outcome.status !== 0) return { failed: causeOf(outcome.stderr, outcome.signal) };
    const facts = AddonFacts.parse(JSON.parse(lastLine(outcome.stdout)));
    await remember(memory, facts);
    return facts;
  };
}

function causeOf(stderr: string, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `it was ended by ${signal}`;
  const thrown = stderr.split('\n').find((line) => /Error: /.test(line));
  return (thrown ?? lastLine(stderr)).trim() || 'it gave no reason';
}

/** Inodes, not paths: a folder that is renamed into place stays tested, and one whose libraries changed does not. */
async function fingerprint(addon: string): Promise<string> {
  const libraries = path.join(path.dirname(await fs.realpath(addon)), '..', '..', 'deps', 'lib');
  const found = await Promise.all([addon, libraries].map((file) => fs.stat(file).catch(() => null)));
  const files = found.map((file) => file && [file.dev, file.ino, file.size, file.mtimeMs]);
  const facts = [files, process.version, os.cpus()[0]?.model, os.release()];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}

async function remembered(file: string): Promise<AddonFacts | null> {
  try {
    return AddonFacts.parse(JSON.parse(await fs.readFile(file, 'utf8')));
  } catch {
    return null;
  }
}

async function remember(file: string, facts: AddonFacts): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true });
  const fresh = `${file}.${String(process.pid)}`;
  await fs.writeFile(fresh, JSON.stringify(facts));
  await fs.rename(fresh, file);
}
