import { z } from 'zod';
import { ReleasedModel } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { BlobCache } from './transport/blob-cache.js';
import type { RestClient } from './transport/rest-client.js';

const Releases = z.array(ReleasedModel);

/** Models: going back to the release before costs no download. */
const KEPT = 2;

export interface KeptRelease {
  release: ReleasedModel;
  path: string;
}

/**
 * The model that the consortium tells its sites to use, fetched where it is not here yet; undefined where none is released.
 * Without a connection it is the one that was released when there last was one.
 */
export async function currentRelease(
  home: Pick<NodeHome, 'releases'>,
  rest: Pick<RestClient, 'releases'>,
  blobs: Pick<BlobCache, 'fetch' | 'path' | 'prune'>,
  warn: (sentence: string) => void,
): Promise<KeptRelease | undefined> {
  try {
    const release = (await rest.releases()).at(0);
    const path = release === undefined ? undefined : await blobs.fetch(release.model.blob);
    await writeWholeFile(home.releases, JSON.stringify(release === undefined ? [] : [release]));
    await blobs.prune(KEPT);
    return release === undefined || path === undefined ? undefined : { release, path };
  } catch (error) {
    if (!(error instanceof NodeFailure) || (error.kind !== 'server-unreachable' && error.kind !== 'refused'))
      throw error;
    const kept = (await readJsonIfPresent(home.releases, Releases))?.at(0);
    if (kept !== undefined) warn(`${error.message}; using the model that was released last`);
    return kept === undefined ? undefined : { release: kept, path: blobs.path(kept.model.blob.digest) };
  }
}
