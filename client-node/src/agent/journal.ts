import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BlobRef, DigestSchema, Id, ModelVersion, StudyManifest, TrainingMetrics } from '@consilium/shared';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { TrainedUpdate } from '../trainer/messages.js';

const REMEMBERED = 200;

const JournalFile = z.object({
  /** `study/model` digests whose figures the server has. */
  evaluated: z.array(z.string()),
  /** Rounds that this site is done with, whatever the answer was. */
  closed: z.array(Id),
});

const FinishedUpdate = z.object({
  roundId: Id,
  base: DigestSchema,
  blob: BlobRef,
  labelled: z.int(),
  unlabelled: z.int(),
  steps: z.int(),
  metrics: TrainingMetrics,
  resumedFrom: z.int(),
});

const NewestModel = z.object({ studyDigest: DigestSchema, manifest: StudyManifest, model: ModelVersion });
export type NewestModel = z.infer<typeof NewestModel>;

/** What a restarted node must know of its past; each fact is on disk before the next step relies on it. */
export class Journal {
  private constructor(
    private readonly home: NodeHome,
    private readonly facts: z.infer<typeof JournalFile>,
  ) {}

  static async open(home: NodeHome): Promise<Journal> {
    return new Journal(home, (await readJsonIfPresent(home.journal, JournalFile)) ?? { evaluated: [], closed: [] });
  }

  isEvaluated(studyDigest: string, model: string): boolean {
    return this.facts.evaluated.includes(`${studyDigest}/${model}`);
  }

  async markEvaluated(studyDigest: string, model: string): Promise<void> {
    this.facts.evaluated = [...this.facts.evaluated, `${studyDigest}/${model}`].slice(-REMEMBERED);
    await this.#save();
  }

  isClosed(roundId: string): boolean {
    return this.facts.closed.includes(roundId);
  }

  async closeRound(roundId: string): Promise<void> {
    this.facts.closed = [...this.facts.closed, roundId].slice(-REMEMBERED);
    await this.#save();
    await rm(this.roundFolder(roundId), { recursive: true, force: true });
  }

  roundFolder(roundId: string): string {
    return join(this.home.rounds, roundId);
  }

  /** What a study leaves to this site, kept from round to round. */
  localFolder(studyDigest: string): string {
    return join(this.home.local, studyDigest);
  }

  updateFile(roundId: string): string {
    return join(this.roundFolder(roundId), 'update.safetensors');
  }

  uploadPlaceFile(roundId: string): string {
    return join(this.roundFolder(roundId), 'upload.json');
  }

  /** Makes the round's folder and removes those of other rounds: at most one round is worked on. */
  async beginRound(roundId: string): Promise<string> {
    const names = await readdir(this.home.rounds).catch(() => []);
    const others = names.filter((name) => name !== roundId);
    await Promise.all(others.map((name) => rm(join(this.home.rounds, name), { recursive: true, force: true })));
    await mkdir(this.roundFolder(roundId), { recursive: true });
    return this.roundFolder(roundId);
  }

  async finishedUpdate(roundId: string, base: string): Promise<TrainedUpdate | undefined> {
    const finished = await readJsonIfPresent(this.#finishedFile(roundId), FinishedUpdate);
    return finished?.base === base ? finished : undefined;
  }

  async rememberUpdate(roundId: string, base: string, update: TrainedUpdate): Promise<void> {
    const finished: z.infer<typeof FinishedUpdate> = { ...update, roundId, base };
    await writeWholeFile(this.#finishedFile(roundId), JSON.stringify(finished));
  }

  newestModel(): Promise<NewestModel | undefined> {
    return readJsonIfPresent(this.home.newestModel, NewestModel);
  }

  async rememberModel(newest: NewestModel): Promise<void> {
    await writeWholeFile(this.home.newestModel, JSON.stringify(newest));
  }

  #finishedFile(roundId: string): string {
    return join(this.roundFolder(roundId), 'update.json');
  }

  async #save(): Promise<void> {
    await writeWholeFile(this.home.journal, JSON.stringify(this.facts));
  }
}
