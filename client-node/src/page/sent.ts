import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SentEntry, SentSummary } from '@consilium/shared';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { readEgressLog } from '../egress/egress-log.js';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent } from '../settings/whole-file.js';

const SHOWN = 200;
/** Many a minute while the node trains, and each the same few figures. */
const FREQUENT = /progress|assignment/;

/** Reads the whole log, and so verifies it: throws NodeFailure at the first line that is not as it was written. */
export async function summariseSent(home: Pick<NodeHome, 'egressLog' | 'receipts'>): Promise<SentSummary> {
  const receipts = await receiptsByBlob(home.receipts);
  const kinds = new Map<string, SentSummary['kinds'][number]>();
  const newest: SentEntry[] = [];
  let entries = 0;
  for await (const { index, at, what, way, bytes, digest, objection } of readEgressLog(home.egressLog)) {
    entries++;
    const kind = kinds.get(what) ?? { what, count: 0, bytes: 0, refused: 0 };
    kinds.set(what, kind);
    if (objection === null) {
      kind.count++;
      kind.bytes += bytes;
    } else kind.refused++;
    if (FREQUENT.test(what) && objection === null) continue;
    const receipt = digest === null ? null : (receipts.get(digest) ?? null);
    newest.push({ index, at, what, way, bytes, digest, refused: objection?.reason ?? null, receipt });
    if (newest.length > SHOWN) newest.shift();
  }
  return { entries, kinds: [...kinds.values()], newest: newest.reverse() };
}

const KeptReceipt = z.object({ jws: z.string() });
const SentManifest = z.object({ blob: z.object({ digest: z.string() }) });

/** Entry of the server's log by the digest of the update that the receipt is for. */
async function receiptsByBlob(folder: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const name of await readdir(folder).catch(() => [])) {
    const kept = await readJsonIfPresent(join(folder, name), KeptReceipt);
    const manifest = kept && SentManifest.safeParse(decodeJwt(kept.jws));
    if (manifest?.success === true) found.set(manifest.data.blob.digest, Number.parseInt(name, 10));
  }
  return found;
}
