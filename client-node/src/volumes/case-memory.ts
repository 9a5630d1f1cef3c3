import type { SiteEntry } from './site.js';
import { intensityRange } from './volume-file.js';
import type { Case } from './volume.js';

/** A case with the intensity that stands for "nothing there". */
export type HeldCase = Case & { readonly minimum: number };

/** Cases in memory up to a number of bytes; the one used longest ago makes room. One alone may exceed it. */
export class CaseMemory {
  /** Map keeps insertion order: the first is the one used longest ago. */
  readonly #held = new Map<string, HeldCase>();
  #bytes = 0;

  constructor(
    private readonly load: (entry: SiteEntry) => Promise<Case>,
    private readonly limit: number,
  ) {}

  async get(entry: SiteEntry): Promise<HeldCase> {
    const known = this.#held.get(entry.image);
    if (known !== undefined) {
      this.#held.delete(entry.image);
      this.#held.set(entry.image, known);
      return known;
    }
    const loaded = await this.load(entry);
    const held = { ...loaded, minimum: intensityRange(loaded.image).minimum };
    this.#bytes += sizeOf(held);
    this.#held.set(entry.image, held);
    this.#makeRoom();
    return held;
  }

  get bytes(): number {
    return this.#bytes;
  }

  #makeRoom(): void {
    for (const [path, held] of this.#held) {
      if (this.#bytes <= this.limit || this.#held.size === 1) return;
      this.#held.delete(path);
      this.#bytes -= sizeOf(held);
    }
  }
}

function sizeOf({ image, label }: Case): number {
  return image.byteLength + (label?.byteLength ?? 0);
}
