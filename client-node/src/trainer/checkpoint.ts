import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { ContainerError, decodeContainer, encodeContainer, type NamedTensors } from '@consilium/shared';
import { readFileIfPresent, writeWholeFile } from '../settings/whole-file.js';

const FORMAT = 2;
const FIELD = 'consilium.checkpoint';

/** Parts of one step's loss; null where the batch had no volumes of the kind. */
const Losses = z.object({
  loss: z.number(),
  supervised: z.number().nullable(),
  unsupervised: z.number().nullable(),
  cps: z.number().nullable(),
});
export type Losses = z.infer<typeof Losses>;

const CheckpointFacts = z.object({
  format: z.literal(FORMAT),
  /** Names what is being trained: a checkpoint of another round, base or study is not this one's. */
  key: z.string(),
  /** Local steps that are done. */
  step: z.int().min(0),
  /** Seconds that these steps took, over all processes that worked on them; and how many of them went by without a batch. */
  seconds: z.number().min(0),
  secondsWaiting: z.number().min(0),
  /** Of the last steps, oldest first. */
  losses: z.array(Losses),
  /** Counters and random streams of the network's trainer. */
  counters: z.unknown(),
});
export type CheckpointFacts = Omit<z.infer<typeof CheckpointFacts>, 'format'>;

export interface Checkpoint extends CheckpointFacts {
  /** Student, teacher and momentum. */
  tensors: NamedTensors;
}

/** One file for tensors and facts, so that there is no moment at which they do not fit together. */
export class CheckpointFile {
  constructor(
    private readonly path: string,
    private readonly key: string,
  ) {}

  async save(checkpoint: Omit<Checkpoint, 'key'>): Promise<void> {
    const { tensors, ...facts } = checkpoint;
    const metadata = { [FIELD]: JSON.stringify({ format: FORMAT, key: this.key, ...facts }) };
    await writeWholeFile(this.path, encodeContainer(tensors, metadata));
  }

  /** Undefined where there is none for this key; one that cannot be read costs its steps, not the round. */
  async load(): Promise<Checkpoint | undefined> {
    const bytes = await readFileIfPresent(this.path);
    if (bytes === undefined) return undefined;
    try {
      const { tensors, metadata } = decodeContainer(bytes);
      const facts = CheckpointFacts.safeParse(JSON.parse(metadata[FIELD] ?? 'null'));
      if (!facts.success || facts.data.key !== this.key) return undefined;
      return { ...facts.data, tensors };
    } catch (error) {
      if (error instanceof ContainerError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
