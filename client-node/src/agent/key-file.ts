import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import { SiteKey } from './identity.js';

/** A change of key takes a moment; one that is older than this was interrupted. */
const CHANGE_MS = 10_000;

/** The site's key as its file has it at each asking: `consilium-node key rotate` may change it while the node runs. */
export function keyInForce(home: NodeHome): () => Promise<SiteKey> {
  let known: { key: SiteKey; changed: number } | undefined;
  return async () => {
    await changeIsOver(home);
    const changed = (await changedAt(home.key)) ?? 0;
    if (known?.changed === changed) return known.key;
    const key = await SiteKey.load(home.key);
    if (key === undefined) throw new NodeFailure('refused', `${home.key}: expected this site's key, found none`);
    known = { key, changed };
    return key;
  };
}

/** Between the server's yes and the change of the file neither key is right. */
async function changeIsOver(home: NodeHome): Promise<void> {
  for (;;) {
    const begun = await changedAt(home.nextKey);
    if (begun === undefined || Date.now() - begun > CHANGE_MS) return;
    await sleep(20);
  }
}

async function changedAt(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}
