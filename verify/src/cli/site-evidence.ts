import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DsseEnvelope, PublicKey } from '@consilium/shared';
import { z } from 'zod';
import type { KeptCheckpoint } from '../checkpoint-check.js';
import { BadInput, systemCode } from './bad-input.js';

/** What a site keeps in its node's home: the files of `consilium-node`, read as data. */
const WitnessFile = z.object({
  serverKeys: z.array(PublicKey).min(1),
  checkpoints: z.array(z.object({ note: z.string() })),
  /** One that did not fit to the others, if there was one. */
  refused: z.object({ note: z.string() }).nullable(),
});
const ReceiptFile = z.object({ envelope: DsseEnvelope, checkpoint: z.string() });

/** What a site holds against its server, apart from the server's own export. */
export interface SiteEvidence {
  /** The first key that the site has known. */
  serverKey: PublicKey;
  checkpoints: KeptCheckpoint[];
  receipts: { keeper: string; envelope: DsseEnvelope }[];
}

/** `path`: a node's home, a copy of one, or its witness.json alone. Throws BadInput. */
export function readSiteEvidence(path: string): SiteEvidence {
  const isFolder = kindOf(path) === 'folder';
  const home = isFolder ? path : dirname(path);
  const keeper = basename(home);
  const witness = read(isFolder ? join(path, 'witness.json') : path, WitnessFile);
  const notes = [...witness.checkpoints, ...(witness.refused === null ? [] : [witness.refused])];
  const folder = join(home, 'receipts');
  const files = isFolder && kindOf(folder) === 'folder' ? readdirSync(folder) : [];
  const receipts = files.filter((name) => name.endsWith('.json')).map((name) => read(join(folder, name), ReceiptFile));
  return {
    serverKey: witness.serverKeys[0],
    checkpoints: [...notes.map(({ note }) => note), ...receipts.map(({ checkpoint }) => checkpoint)].map((note) => {
      return { keeper, note };
    }),
    receipts: receipts.map(({ envelope }) => ({ keeper, envelope })),
  };
}

function kindOf(path: string): 'folder' | 'file' | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : found.isDirectory() ? 'folder' : 'file';
}

function read<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = systemCode(error) ?? 'no JSON';
    throw new BadInput(`${path}: expected a file of a node's home, it cannot be read (${why})`, { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BadInput(
    `${path}: expected a file of a node's home, got ${issue.path.map(String).join('.')}: ${issue.message}`,
  );
}
