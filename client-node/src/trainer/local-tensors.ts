import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeContainer, encodeContainer, treatmentOf, type NamedTensors, type TensorGroup } from '@consilium/shared';
import { writeWholeFile } from '../settings/whole-file.js';

const NAME = /^(\d+)\.safetensors$/;

/**
 * Tensors that a study leaves to each site (FedBN, Li et al. 2021, arXiv 2102.07623): a site's own from its last round lie over
 * the base of the next. One file for each round, so that a round that is trained again starts from the same ones.
 */
export class LocalTensors {
  constructor(
    private readonly folder: string,
    private readonly groups: readonly TensorGroup[],
  ) {}

  /** The base with this site's own tensors of the newest round before `round`, where there are any. */
  async over(base: NamedTensors, round: number): Promise<NamedTensors> {
    const newest = Math.max(0, ...(await this.#rounds()).filter((number) => number < round));
    if (newest === 0) return base;
    const own = decodeContainer(await readFile(this.#file(newest))).tensors;
    return new Map([...base, ...this.#local(own)]);
  }

  /** Keeps what is this site's own of a trained model. */
  async keep(trained: NamedTensors, round: number): Promise<void> {
    const own = this.#local(trained);
    if (own.size === 0) return;
    await mkdir(this.folder, { recursive: true });
    await writeWholeFile(this.#file(round), encodeContainer(own));
    const older = (await this.#rounds()).filter((number) => number < round - 1);
    await Promise.all(older.map((number) => rm(this.#file(number), { force: true })));
  }

  #local(tensors: NamedTensors): NamedTensors {
    return new Map([...tensors].filter(([name]) => treatmentOf(name, this.groups) === 'local'));
  }

  async #rounds(): Promise<number[]> {
    const names = await readdir(this.folder).catch(() => []);
    return names.flatMap((name) => NAME.exec(name)?.slice(1).map(Number) ?? []);
  }

  #file(round: number): string {
    return join(this.folder, `${round}.safetensors`);
  }
}
