import type { Triple } from '../volumes/volume.js';
import { loadCase, type SiteEntry } from '../volumes/site.js';
import type { Case } from '../volumes/volume.js';

const BYTES_PER_MEGABYTE = 2 ** 20;

/** Resampled volumes in memory between jobs, the least recently used leaving first; those that left come from the disk cache. */
export class CaseStore {
  readonly #cases = new Map<string, Case>();
  #bytes = 0;

  constructor(
    private readonly cacheFolder: string,
    private readonly budgetMegabytes: number,
  ) {}

  async get(entry: SiteEntry, spacing: Triple): Promise<Case> {
    const key = JSON.stringify([entry.image, entry.label, spacing]);
    const known = this.#cases.get(key);
    if (known !== undefined) {
      this.#cases.delete(key);
      this.#cases.set(key, known);
      return known;
    }
    const loaded = await loadCase(entry, spacing, this.cacheFolder);
    this.#cases.set(key, loaded);
    this.#bytes += bytesOf(loaded);
    this.#makeRoom();
    return loaded;
  }

  /** The newest always stays: a volume larger than the budget is still used. */
  #makeRoom(): void {
    for (const [key, oldest] of this.#cases) {
      if (this.#bytes <= this.budgetMegabytes * BYTES_PER_MEGABYTE || this.#cases.size === 1) return;
      this.#cases.delete(key);
      this.#bytes -= bytesOf(oldest);
    }
  }
}

function bytesOf(loaded: Case): number {
  return loaded.image.byteLength + (loaded.label?.byteLength ?? 0);
}
