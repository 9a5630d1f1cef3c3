import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedBatch } from '../crln/patches.js';
import { openSite, writePhantomSite, type LeftOut } from '../volumes/index.js';
import type { Feed } from './batch-maker.js';
import { DataFeed } from './data-feed.js';

const STEPS = 9;
const MEMORY = 2 ** 24;

let folder: string;
let feed: Feed;
let feeds: DataFeed[];
let leftOut: LeftOut[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consilium-feed-'));
  feeds = [];
  leftOut = [];
  const data = join(folder, 'data');
  await writePhantomSite(data, { site: 'north', seed: 1, labelled: 2, unlabelled: 3, shape: [20, 18, 16] });
  const { labelled, unlabelled } = await openSite(data, { spacing: [1, 1, 1] });
  feed = {
    labelled,
    unlabelled,
    spacing: [1, 1, 1.25],
    patch: [12, 12, 8],
    classes: 2,
    labelledPerStep: 2,
    unlabelledPerStep: 2,
    seed: 5,
    cacheDir: join(folder, 'cache'),
  };
});
afterEach(async () => {
  await Promise.all(feeds.map((one) => one.close()));
  await rm(folder, { recursive: true, force: true });
});

function open(workers: number, changes: Partial<Feed> = {}, data = new DataFeed(workers, MEMORY)) {
  feeds.push(data);
  return data.open({ feed: { ...feed, ...changes }, steps: STEPS, onLeftOut: (volume) => leftOut.push(volume) });
}

function digestOf({ labelled, unlabelled }: PreparedBatch): string {
  const arrays = [labelled!.image, labelled!.label, unlabelled!.image, unlabelled!.strong, unlabelled!.columns];
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}

async function digests(source: ReturnType<typeof open>, from = 0): Promise<string[]> {
  const all: string[] = [];
  for (let step = from; step < STEPS; step++) all.push(digestOf(await source.at(step)));
  return all;
}

describe('batches', () => {
  it('are the same bytes whatever the number of threads, and from whatever step on', async () => {
    const expected = await digests(open(0));
    expect(new Set(expected).size).toBe(STEPS);
    for (const workers of [1, 2, 4]) expect(await digests(open(workers)), `${workers} threads`).toEqual(expected);
    for (const workers of [0, 2]) expect(await digests(open(workers), 5)).toEqual(expected.slice(5));
    expect(await digests(open(0, { seed: 6 }))).not.toEqual(expected);
  });

  it('of a new round come from the same threads, without those of the round before', async () => {
    const data = new DataFeed(2, MEMORY);
    const first = open(2, {}, data);
    await first.at(0);
    const expected = await digests(open(0, { seed: 9 }));
    expect(await digests(open(2, { seed: 9 }, data))).toEqual(expected);
  });
});

describe('a volume that breaks after the survey', () => {
  for (const workers of [0, 2]) {
    it(`is named once and left out, the rest trains (${workers} threads)`, async () => {
      const [gone, torn] = feed.unlabelled;
      await rename(gone.image, `${gone.image}.away`);
      await truncate(torn.image, 100);
      await digests(open(workers));
      expect(leftOut.map(({ image }) => image).sort()).toEqual([gone.image, torn.image].sort());
      expect(leftOut.every(({ image, sentence }) => sentence.startsWith(`${image}: `))).toBe(true);
    });
  }

  it('ends the round when it was the last, with a sentence', async () => {
    for (const { image } of [...feed.labelled, ...feed.unlabelled]) await writeFile(image, 'nothing');
    await expect(open(1).at(0)).rejects.toMatchObject({ kind: 'bad-data', message: /none is usable any more/ });
  });

  it('may be one whose label no longer fits the study', async () => {
    await open(0, { classes: 1 }).at(0);
    const sentences = leftOut.map(({ sentence }) => sentence);
    expect(sentences).toHaveLength(2);
    expect(sentences[0]).toMatch(/its label holds class 1, expected 0 to 0/);
  });
});
