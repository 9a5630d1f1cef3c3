import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalData } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { checkSite, disagreementMap, encodeNifti, findCase, type DataCheck } from '../volumes/index.js';

/** What can be looked at of one volume; `disagreement`: 1 where only the label has an organ, 2 where only the prediction. */
export type View = 'image' | 'label' | 'prediction' | 'disagreement';

/** The site's volumes and predictions, as NIfTI for a viewer on this machine. */
export class LocalVolumes {
  #check: Promise<DataCheck> | undefined;

  constructor(
    private readonly data: string,
    /** Predictions by the model in force. */
    private readonly predictions: () => Promise<{ folder: string; model: string } | null>,
  ) {}

  /** Reads every volume at the first call, and at another with `again`. */
  async list(again: boolean): Promise<LocalData> {
    if (again || this.#check === undefined) this.#check = checkSite(this.data, {});
    const { volumes, problems } = await this.#check;
    const made = await this.predictions();
    return {
      problems: [...problems],
      volumes: volumes.map(({ name, split, labelled, shape, spacing, orientation, problems: wrong, notes }) => ({
        name,
        split,
        labelled,
        shape,
        spacing,
        orientation,
        problems: [...wrong],
        notes: [...notes],
        predicted: made !== null && existsSync(join(made.folder, `${name}.nii.gz`)),
      })),
      model: made?.model ?? null,
    };
  }

  /** Throws NodeFailure (usage) where there is no such thing. */
  async view(name: string, view: View): Promise<Uint8Array> {
    const files = await findCase(this.data, name);
    const made = await this.predictions();
    const prediction = made === null ? null : join(made.folder, `${name}.nii.gz`);
    const there = { image: files?.image ?? null, label: files?.label ?? null, prediction };
    if (view === 'disagreement') {
      const { label } = there;
      if (label === null || prediction === null || !existsSync(prediction)) throw nothing(name, view);
      return encodeNifti(await disagreementMap(label, prediction));
    }
    const file = there[view];
    if (file === null || !existsSync(file)) throw nothing(name, view);
    return readFile(file);
  }

  async imageOf(name: string): Promise<string> {
    const image = (await findCase(this.data, name))?.image;
    if (image == null) throw nothing(name, 'image');
    return image;
  }
}

function nothing(name: string, view: View): NodeFailure {
  return new NodeFailure('usage', `${name}: there is no ${view} of a volume of this name.`);
}
