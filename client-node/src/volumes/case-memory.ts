import { NodeFailure } from '../settings/failure.js';
import { BoundedCache } from './bounded-cache.js';
import { caseKey, loadCase, type SiteEntry } from './site.js';
import { intensityRange } from './volume-file.js';
import { bytesOfCase, type Case, type Triple } from './volume.js';

/** A case that patches can be cut from, with what cutting and checking needs of its voxels. */
export type HeldCase = Case & {
  /** The intensity that stands for "nothing there". */
  readonly minimum: number;
  /** 0 where there is no label. */
  readonly highestClass: number;
};

/** Cases in memory up to a number of bytes; the one used longest ago makes room, and comes from the disk cache when needed. */
export class CaseMemory {
  readonly #held: BoundedCache<HeldCase>;

  constructor(limitBytes: number) {
    this.#held = new BoundedCache<HeldCase>(limitBytes, bytesOfCase);
  }

  /**
   * As `loadCase`. Looks at the files each time, if only at their dates: a volume that its site has taken away is not
   * trained on, and one that was replaced is read again. Refuses voxels that are not finite: one would end the training.
   */
  async get(entry: SiteEntry, spacing: Triple, cacheDir: string): Promise<HeldCase> {
    const key = await caseKey(entry, spacing);
    const known = key === null ? undefined : this.#held.get(key);
    if (known !== undefined) return known;
    const loaded = await loadCase(entry, spacing, cacheDir);
    const { minimum, notFinite } = intensityRange(loaded.image);
    if (notFinite > 0) {
      throw new NodeFailure('bad-data', `${entry.image}: ${notFinite} of its voxels are not finite numbers`);
    }
    const highestClass = loaded.label?.reduce((highest, c) => Math.max(highest, c), 0) ?? 0;
    const held = { ...loaded, minimum, highestClass };
    if (key !== null) this.#held.add(key, held);
    return held;
  }
}
