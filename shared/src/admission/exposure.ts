import { meanOfVariance, type ExpectedTensor } from './expected-tensor.js';

/** What admission keeps of how much an update may say about the patients behind it. */
export interface Exposure {
  /** L2 norm of the change, in norms of the base (at least 1). */
  share: number;
  /** The batch norm whose running moments moved furthest; null where the network has none. */
  statistics: StatisticsShift | null;
  /** Of each class, the fewest labelled voxels that a prototype with any stands for; null where none has one. */
  support: (number | null)[];
}

export interface StatisticsShift {
  layer: string;
  /**
   * Root mean square over channels of the 2-Wasserstein distance between the normal distributions that both moments name, in
   * standard deviations of the base: sqrt((mean - mean')^2 + (deviation - deviation')^2) / deviation'.
   */
  shift: number;
}

/** Batch norm's own: keeps a channel that never fires from counting as infinitely far away. */
const EPSILON = 1e-5;

/** The moments of the same channels of one batch norm, in an update or in its base. */
export interface Moments {
  mean: Float32Array;
  variance: Float32Array;
}

/** Gathers an exposure in one pass over windows; of each batch norm it keeps one sum. */
export class ExposureMeter {
  readonly #layers = new Map<string, { squares: number; channels: number }>();
  #support: (number | null)[] = [];

  /** The next channels of the batch norm whose running variance is `name`. */
  addMoments(name: string, update: Moments, base: Moments): void {
    const layer = meanOfVariance(name).replace(/\.running_mean$/, '');
    const so = this.#layers.get(layer) ?? { squares: 0, channels: 0 };
    let { squares } = so;
    for (let c = 0; c < update.mean.length; c++) {
      const deviation = Math.sqrt(base.variance[c] + EPSILON);
      const mean = (update.mean[c] - base.mean[c]) / deviation;
      const spread = Math.sqrt(update.variance[c] + EPSILON) / deviation - 1;
      squares += mean ** 2 + spread ** 2;
    }
    this.#layers.set(layer, { squares, channels: so.channels + update.mean.length });
  }

  /** Values of an update's prototype support [C, R] from number `start` on. */
  addSupport({ shape }: ExpectedTensor, start: number, voxels: Float32Array): void {
    const [classes, perClass] = shape;
    if (start === 0) this.#support = Array<number | null>(classes).fill(null);
    voxels.forEach((value, i) => {
      const count = Math.round(value);
      if (count === 0) return;
      const place = Math.floor((start + i) / perClass);
      this.#support[place] = Math.min(this.#support[place] ?? count, count);
    });
  }

  finish({ norm, baseNorm }: { norm: number; baseNorm: number }): Exposure {
    let statistics: StatisticsShift | null = null;
    for (const [layer, { squares, channels }] of this.#layers) {
      const shift = Math.sqrt(squares / channels);
      if (statistics === null || shift > statistics.shift) statistics = { layer, shift };
    }
    return { share: norm / Math.max(1, baseNorm), statistics, support: this.#support };
  }
}
