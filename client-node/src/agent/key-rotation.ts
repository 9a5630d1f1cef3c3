import { rename } from 'node:fs/promises';
import type { Enrolled, KeyChange } from '@consilium/shared';
import { readPolicy, setPolicy } from '../egress/egress-policy.js';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import type { Clock } from './clock.js';
import { SiteKey } from './identity.js';
import { RequestRefused, type RestClient } from './transport/rest-client.js';

export interface KeyRotation {
  home: NodeHome;
  site: Pick<Enrolled, 'siteId'>;
  /** The key in force until now. */
  key: SiteKey;
  /** The server, asked by whoever holds a key. */
  as: (key: SiteKey) => Pick<RestClient, 'health' | 'approval' | 'changeKey'>;
  clock: Clock;
}

/**
 * Puts a new key in the place of the site's present one, at the server first. Interrupted anywhere, it is finished by being
 * called again; a refusal leaves everything as it was.
 */
export async function rotateKey(rotation: KeyRotation): Promise<SiteKey> {
  const { home } = rotation;
  const begun = await SiteKey.load(home.nextKey);
  if (begun !== undefined && (await isKnown(rotation, begun))) return putInForce(rotation, begun);
  await rotation.as(rotation.key).health();
  const next = begun ?? (await SiteKey.create(home.nextKey));
  try {
    await rotation.as(rotation.key).changeKey(await signedChange(rotation, next));
  } catch (error) {
    // After a lost answer the key stays: the server may already know it.
    if (error instanceof RequestRefused) await SiteKey.discard(home.nextKey);
    throw error;
  }
  return putInForce(rotation, next);
}

async function signedChange({ site, key, clock }: KeyRotation, next: SiteKey) {
  const change: KeyChange = {
    siteId: site.siteId,
    former: key.thumbprint,
    publicKey: next.publicKey,
    at: new Date(clock.now()).toISOString(),
  };
  const [endorsement, possession] = await Promise.all([key.sign(change), next.sign(change)]);
  return { endorsement, possession };
}

async function isKnown({ as }: KeyRotation, next: SiteKey): Promise<boolean> {
  try {
    await as(next).approval();
    return true;
  } catch (error) {
    if (error instanceof RequestRefused && error.status === 401) return false;
    throw error;
  }
}

/** The site's policy is signed by its key: it is signed anew, first, so that no moment is without one that counts. */
async function putInForce({ home, key }: KeyRotation, next: SiteKey): Promise<SiteKey> {
  const { policy, isOwn } = await readPolicy(home, key.publicKey).catch((error: unknown) => {
    if (error instanceof NodeFailure) return readPolicy(home, next.publicKey);
    throw error;
  });
  if (isOwn) await setPolicy(home, next.signer, policy);
  await rename(home.nextKey, home.key);
  return next;
}
