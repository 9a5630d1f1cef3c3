import { rename } from 'node:fs/promises';
import { Instant, PublicKey } from '@consilium/shared';
import { z } from 'zod';
import { asFileFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';

const Seen = z.strictObject({ seenAt: Instant, note: z.string() });

/** What a site has seen of the server's log. */
export const WitnessRecord = z.strictObject({
  origin: z.string(),
  /** Oldest first: the one that was there at first sight, and those that it and its followers have endorsed. */
  serverKeys: z.array(PublicKey).min(1),
  /** Oldest first; each was proven to begin with the one before it. */
  checkpoints: z.array(Seen),
  /** The last that did not fit to those, as evidence. */
  refused: z.strictObject({ ...Seen.shape, sentence: z.string() }).nullable(),
});
export type WitnessRecord = z.infer<typeof WitnessRecord>;

export function readWitness(home: NodeHome): Promise<WitnessRecord | undefined> {
  return readJsonIfPresent(home.witness, WitnessRecord);
}

export async function writeWitness(home: NodeHome, record: WitnessRecord): Promise<void> {
  await writeWholeFile(home.witness, `${JSON.stringify(record, null, 2)}\n`);
}

/** Keeps the record under another name, which is returned; the next checkpoint is then the first that this site sees. */
export async function setWitnessAside(home: NodeHome, now: Date): Promise<string> {
  const aside = home.witness.replace(/\.json$/, `-until-${now.toISOString().replaceAll(':', '-')}.json`);
  try {
    await rename(home.witness, aside);
  } catch (error) {
    throw asFileFailure(error, `setting ${home.witness} aside`);
  }
  return aside;
}
