import { Random } from '@consilium/shared';
import type { CrlnBatch, LabelledPatches, UnlabelledPatches } from '../crln/patches.js';
import { NodeFailure } from '../settings/failure.js';
import type { HeldCase } from './case-memory.js';
import { cropInto, foregroundVoxels, placeAround, randomCorner } from './crop.js';
import type { SiteEntry } from './site.js';
import { voxelCount, type Case, type Triple } from './volume.js';

export interface SamplerOptions {
  readonly labelled: readonly SiteEntry[];
  readonly unlabelled: readonly SiteEntry[];
  /** Reads a case on the study's spacing. One that cannot be used is a NodeFailure 'bad-data'. */
  readonly load: (entry: SiteEntry) => Promise<HeldCase>;
  /** Voxels [height, width, depth]. */
  readonly patch: Triple;
  readonly labelledPerStep: number;
  readonly unlabelledPerStep: number;
  readonly seed: number;
  /** Told once of each volume that became unusable since the site was opened; the others go on. */
  readonly onLeftOut: (volume: LeftOut) => void;
  /**
   * Share of labelled patches placed so that they hold a foreground voxel. 0, the default, is the published plain random
   * crop; worth raising where the organ fills little of a volume and most plain crops would be background alone.
   */
  readonly foregroundShare?: number | undefined;
  /** Below this many unlabelled volumes the labelled ones' images join them: a batch mixes different patients. */
  readonly fewestUnlabelled?: number | undefined;
}

export interface LeftOut {
  readonly image: string;
  readonly sentence: string;
}

type Kind = 'labelled' | 'unlabelled';

/**
 * Random patches of a site's cases. A step's patches follow from seed and step alone, so any thread can draw them, in any
 * order, again. Every volume is drawn once before any is drawn again, in a new random order each time, as an epoch over
 * volumes does; where in the volume is plain chance. Volumes smaller than the patch are padded around with their lowest
 * intensity and class 0.
 */
export class PatchSampler {
  readonly #options: SamplerOptions;
  readonly #entries: Readonly<Record<Kind, readonly SiteEntry[]>>;
  readonly #orders = new Map<Kind, { epoch: number; order: number[] }>();
  readonly #leftOut = new Set<SiteEntry>();
  readonly #foreground = new WeakMap<Case, Int32Array>();

  constructor(options: SamplerOptions) {
    const { labelled, unlabelled, fewestUnlabelled = 2 } = options;
    this.#options = options;
    const pool = unlabelled.length < fewestUnlabelled ? [...unlabelled, ...labelled] : unlabelled;
    this.#entries = { labelled, unlabelled: pool };
  }

  /** Intensities are the file's: normalise before use. A kind without usable volumes gives no patches. */
  async batch(step: number): Promise<CrlnBatch> {
    return { labelled: await this.#labelled(step), unlabelled: await this.#unlabelled(step) };
  }

  async #labelled(step: number): Promise<LabelledPatches | undefined> {
    const { patch, labelledPerStep: count } = this.#options;
    const cases = await this.#draw('labelled', step, count);
    if (cases === undefined) return undefined;
    const random = this.#randomOf('labelled patch', step);
    const size = voxelCount(patch);
    const image = new Float32Array(count * size);
    const label = new Int32Array(count * size);
    cases.forEach((one, b) => {
      const corner = this.#labelledCorner(one, random);
      cropInto(image, b * size, one.image, one.shape, patch, corner, one.minimum);
      cropInto(label, b * size, one.label!, one.shape, patch, corner, 0);
    });
    return { image, label, shape: [count, ...patch] };
  }

  async #unlabelled(step: number): Promise<UnlabelledPatches | undefined> {
    const { patch, unlabelledPerStep: count } = this.#options;
    const cases = await this.#draw('unlabelled', step, count);
    if (cases === undefined) return undefined;
    const random = this.#randomOf('unlabelled patch', step);
    const size = voxelCount(patch);
    const image = new Float32Array(count * size);
    cases.forEach((one, b) => {
      cropInto(image, b * size, one.image, one.shape, patch, randomCorner(one.shape, patch, random), one.minimum);
    });
    return { image, shape: [count, ...patch] };
  }

  /** The step's cases; undefined where it wants none, or none can be used. */
  async #draw(kind: Kind, step: number, count: number): Promise<HeldCase[] | undefined> {
    const cases: HeldCase[] = [];
    for (let b = 0; b < count; b++) {
      const one = await this.#drawOne(kind, step * count + b);
      if (one === undefined) return undefined;
      cases.push(one);
    }
    return cases.length === 0 ? undefined : cases;
  }

  /** In place of a volume that cannot be used comes the next in the same order. */
  async #drawOne(kind: Kind, draw: number): Promise<HeldCase | undefined> {
    const entries = this.#entries[kind];
    for (let skipped = 0; skipped < entries.length; skipped++) {
      const order = this.#orderOf(kind, Math.floor(draw / entries.length));
      const entry = entries[order[(draw + skipped) % entries.length]];
      if (this.#leftOut.has(entry)) continue;
      try {
        return await this.#options.load(entry);
      } catch (error) {
        if (!(error instanceof NodeFailure) || error.kind !== 'bad-data') throw error;
        this.#leftOut.add(entry);
        this.#options.onLeftOut({ image: entry.image, sentence: error.message });
      }
    }
    return undefined;
  }

  #orderOf(kind: Kind, epoch: number): number[] {
    const known = this.#orders.get(kind);
    if (known?.epoch === epoch) return known.order;
    const volumes = Array.from({ length: this.#entries[kind].length }, (_, index) => index);
    const order = this.#randomOf(`${kind} order`, epoch).shuffle(volumes);
    this.#orders.set(kind, { epoch, order });
    return order;
  }

  #randomOf(what: string, step: number): Random {
    return Random.from(this.#options.seed, what, step);
  }

  #labelledCorner(one: Case, random: Random): Triple {
    const { patch, foregroundShare = 0 } = this.#options;
    if (foregroundShare > 0 && random.chance(foregroundShare)) {
      const voxels = this.#foregroundOf(one);
      if (voxels.length > 0) return placeAround(voxels[random.below(voxels.length)], one.shape, patch, random);
    }
    return randomCorner(one.shape, patch, random);
  }

  #foregroundOf(one: Case): Int32Array {
    const known = this.#foreground.get(one) ?? foregroundVoxels(one.label!);
    this.#foreground.set(one, known);
    return known;
  }
}
