import { BoundedCache } from '../volumes/bounded-cache.js';
import { loadCase, type SiteEntry } from '../volumes/site.js';
import { bytesOfCase, type Case, type Triple } from '../volumes/volume.js';

const BYTES_PER_MEGABYTE = 2 ** 20;

/** Resampled volumes in memory between jobs, the least recently used leaving first; those that left come from the disk cache. */
export class CaseStore {
  readonly #cases: BoundedCache<Case>;

  constructor(
    private readonly cacheFolder: string,
    budgetMegabytes: number,
  ) {
    this.#cases = new BoundedCache(budgetMegabytes * BYTES_PER_MEGABYTE, bytesOfCase);
  }

  async get(entry: SiteEntry, spacing: Triple): Promise<Case> {
    const key = JSON.stringify([entry.image, entry.label, spacing]);
    const known = this.#cases.get(key);
    if (known !== undefined) return known;
    const loaded = await loadCase(entry, spacing, this.cacheFolder);
    this.#cases.add(key, loaded);
    return loaded;
  }
}
