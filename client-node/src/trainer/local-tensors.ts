import { treatmentOf, type NamedTensors, type TensorGroup } from '@consilium/shared';
import { RoundFiles } from './round-files.js';

/**
 * Tensors that a study leaves to each site (FedBN, Li et al. 2021, arXiv 2102.07623): a site's own from its last round lie over
 * the base of the next.
 */
export class LocalTensors {
  readonly #files: RoundFiles;

  constructor(
    folder: string,
    private readonly groups: readonly TensorGroup[],
  ) {
    this.#files = new RoundFiles(folder, '');
  }

  /** The base with this site's own tensors of the newest round before `round`, where there are any. */
  async over(base: NamedTensors, round: number): Promise<NamedTensors> {
    const own = await this.#files.before(round);
    return own === undefined ? base : new Map([...base, ...this.#local(own.tensors)]);
  }

  /** Keeps what is this site's own of a trained model. */
  async keep(trained: NamedTensors, round: number): Promise<void> {
    const own = this.#local(trained);
    if (own.size > 0) await this.#files.keep(round, own);
  }

  #local(tensors: NamedTensors): NamedTensors {
    return new Map([...tensors].filter(([name]) => treatmentOf(name, this.groups) === 'local'));
  }
}
