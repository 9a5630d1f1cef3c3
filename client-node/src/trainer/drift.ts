import { modelTensors, treatmentOf, type NamedTensors, type StudyManifest } from '@consilium/shared';
import { nextCorrection, packTensors, unpackTensors, type TrainedRound } from '../crln/index.js';
import { RoundFiles } from './round-files.js';

const FIELD = 'consilium.path';

/** What a site keeps between rounds so that SCAFFOLD's correction of its gradients goes on (`training.controlVariates`). */
export class Drift {
  readonly #files: RoundFiles;
  /** Weights that are averaged: prototypes change places on their way, and what stays here has no drift. */
  readonly #names: ReadonlySet<string>;

  constructor(folder: string, { model, aggregation }: StudyManifest) {
    this.#files = new RoundFiles(folder, 'drift-');
    const averaged = modelTensors(model).filter(
      ({ name, kind }) =>
        (kind === 'weight' || kind === 'scalar') && treatmentOf(name, aggregation.groups) === 'average',
    );
    this.#names = new Set(averaged.map(({ name }) => name));
  }

  /** The correction for `round`, whose base is the average of the round before; that of earlier rounds where this site missed one. */
  async correction(base: NamedTensors, round: number): Promise<NamedTensors> {
    const last = await this.#files.before(round);
    if (last === undefined) return new Map();
    const [correction, trained] = ['correction', 'trained'].map((part) => unpackTensors(last.tensors, part));
    if (last.round < round - 1) return correction;
    return nextCorrection({ correction, trained, path: Number(last.metadata[FIELD]) }, base);
  }

  async keep(round: number, { trained, correction, path }: TrainedRound): Promise<void> {
    const own = new Map([...trained].filter(([name]) => this.#names.has(name)));
    await this.#files.keep(round, packTensors({ correction, trained: own }), { [FIELD]: String(path) });
  }
}
