import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeContainer, encodeContainer } from '@consilium/shared';
import { writeWholeFile } from '../settings/whole-file.js';

/**
 * What a site keeps of its rounds of one study, a container for each round, so that a round that is trained again starts from the
 * same one. Only the last two are kept.
 */
export class RoundFiles {
  constructor(
    private readonly folder: string,
    private readonly prefix: string,
  ) {}

  /** The newest before `round`; undefined where there is none. */
  async before(round: number): Promise<(ReturnType<typeof decodeContainer> & { round: number }) | undefined> {
    const newest = Math.max(0, ...(await this.#rounds()).filter((number) => number < round));
    if (newest === 0) return undefined;
    return { ...decodeContainer(await readFile(this.#file(newest))), round: newest };
  }

  async keep(round: number, ...content: Parameters<typeof encodeContainer>): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeWholeFile(this.#file(round), encodeContainer(...content));
    const older = (await this.#rounds()).filter((number) => number < round - 1);
    await Promise.all(older.map((number) => rm(this.#file(number), { force: true })));
  }

  async #rounds(): Promise<number[]> {
    const name = new RegExp(`^${this.prefix}(\\d+)\\.safetensors$`);
    const names = await readdir(this.folder).catch(() => []);
    return names.flatMap((file) => name.exec(file)?.slice(1).map(Number) ?? []);
  }

  #file(round: number): string {
    return join(this.folder, `${this.prefix}${round}.safetensors`);
  }
}
