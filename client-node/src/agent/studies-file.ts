import { DigestSchema, Instant, StudyManifest } from '@consilium/shared';
import { z } from 'zod';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';

const SeenStudy = z.strictObject({ digest: DigestSchema, manifest: StudyManifest, seenAt: Instant });
export type SeenStudy = z.infer<typeof SeenStudy>;

const KEPT = 100;

/** Studies that the server has offered with its signature, oldest first: what the site's people decide on. */
export async function readStudies({ studies }: Pick<NodeHome, 'studies'>): Promise<SeenStudy[]> {
  return (await readJsonIfPresent(studies, z.array(SeenStudy))) ?? [];
}

export async function writeStudies({ studies }: Pick<NodeHome, 'studies'>, seen: readonly SeenStudy[]): Promise<void> {
  await writeWholeFile(studies, `${JSON.stringify(seen.slice(-KEPT), null, 2)}\n`);
}
