import { BoundedCache } from './bounded-cache.js';
import type { SiteEntry } from './site.js';
import { intensityRange } from './volume-file.js';
import { bytesOfCase, type Case } from './volume.js';

/** A case with the intensity that stands for "nothing there". */
export type HeldCase = Case & { readonly minimum: number };

/** Cases in memory up to a number of bytes; the one used longest ago makes room. One alone may exceed it. */
export class CaseMemory {
  readonly #held: BoundedCache<HeldCase>;

  constructor(
    private readonly load: (entry: SiteEntry) => Promise<Case>,
    limit: number,
  ) {
    this.#held = new BoundedCache<HeldCase>(limit, bytesOfCase);
  }

  async get(entry: SiteEntry): Promise<HeldCase> {
    const known = this.#held.get(entry.image);
    if (known !== undefined) return known;
    const loaded = await this.load(entry);
    const held = { ...loaded, minimum: intensityRange(loaded.image).minimum };
    this.#held.add(entry.image, held);
    return held;
  }
}
