import { DigestSchema, Instant } from '@consilium/shared';
import { z } from 'zod';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';

const Decision = z.enum(['accepted', 'declined']);
export type Decision = z.infer<typeof Decision>;

const Decided = z.strictObject({ studyDigest: DigestSchema, decision: Decision, at: Instant });
/** Oldest first; the last one on a study holds. Only commands of the site's people write it. */
const DecisionFile = z.strictObject({ decisions: z.array(Decided) });

/**
 * What this site's people have said to studies. The node works for none that they have not accepted by its digest, whatever its
 * server says; a study with other settings has another digest.
 */
export class Consents {
  /** `pinned`: digests that the node's settings accept; a decision by a command comes before them. */
  constructor(
    private readonly home: Pick<NodeHome, 'consents'>,
    private readonly pinned: readonly string[] = [],
  ) {}

  /** Null while nobody has said anything. */
  async of(studyDigest: string): Promise<Decision | null> {
    const last = (await readDecisions(this.home)).findLast((decided) => decided.studyDigest === studyDigest);
    return last?.decision ?? (this.pinned.includes(studyDigest) ? 'accepted' : null);
  }
}

/** A running node that has this home takes it up at once. */
export async function decide(
  home: Pick<NodeHome, 'consents'>,
  studyDigest: string,
  decision: Decision,
  now: Date,
): Promise<void> {
  const decisions = [...(await readDecisions(home)), { studyDigest, decision, at: now.toISOString() }];
  await writeWholeFile(home.consents, `${JSON.stringify({ decisions }, null, 2)}\n`);
}

async function readDecisions({ consents }: Pick<NodeHome, 'consents'>): Promise<z.infer<typeof Decided>[]> {
  return (await readJsonIfPresent(consents, DecisionFile))?.decisions ?? [];
}
