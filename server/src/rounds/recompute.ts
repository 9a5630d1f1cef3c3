import { rm } from 'node:fs/promises';
import type { Digest } from '@consilium/shared';
import type { DataSource } from 'typeorm';
import type { WrittenContainer } from '../aggregation/aggregation-jobs.js';
import { AggregationService } from '../aggregation/aggregation.service.js';
import { digestOfFile, type BlobStore } from '../blobs/blob-store.js';
import { openBlobStore } from '../blobs/open-blob-store.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import type { ProcessContext } from '../settings/process-context.js';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ModelArithmetic, type ModelRecipe } from './model-arithmetic.js';
import { recipeOf } from './round-recipe.js';
import { RoundEntity } from './round.entity.js';

interface Compared {
  stored: Digest;
  recomputed: Digest;
}

/** What came of making a round's model once more from what is stored. */
export interface Recomputation {
  study: string;
  studyId: string;
  round: number;
  updates: number;
  /** missing: something that it is made from is not there any more, or is not what its digest says. */
  outcome: 'same' | 'different' | 'missing';
  model: Compared | null;
  /** Of what the server's optimiser keeps; null where the rule keeps nothing. */
  optimiser: Compared | null;
  /** Digests of blobs that are gone or damaged. */
  missing: Digest[];
}

/** Throws StartRefused where there is no such round, or more than one study has it. Changes nothing. */
export async function recompute(
  { dataSource, settings, home }: Pick<ProcessContext, 'dataSource' | 'settings' | 'home'>,
  { number, studyId }: { number: number; studyId: string | undefined },
): Promise<Recomputation> {
  const { study, round } = await findRound(dataSource, number, studyId);
  const recipe = await recipeOf(dataSource.manager, study, round);
  // Not the running server's place for files in the making, which opening it empties.
  const store = openBlobStore(settings, home, `recompute ${process.pid}`);
  const aggregation = new AggregationService();
  try {
    const missing = await missingOf(store, recipe);
    const about = { study: study.manifest.name, studyId: study.id, round: number, updates: recipe.updates.length };
    if (missing.length > 0) return { ...about, outcome: 'missing', model: null, optimiser: null, missing };
    const made = await new ModelArithmetic(store, aggregation).rebuild(recipe);
    const version = await dataSource.manager.findOneByOrFail(ModelVersionEntity, {
      studyId: study.id,
      version: number,
    });
    const model = { stored: version.blobDigest, recomputed: made.digest };
    const optimiser = compared(version.optimiserDigest, made.optimiser);
    const same = [model, optimiser].every((each) => each === null || each.stored === each.recomputed);
    return { ...about, outcome: same ? 'same' : 'different', model, optimiser, missing };
  } finally {
    await aggregation.onApplicationShutdown();
    await rm(store.making, { recursive: true, force: true });
  }
}

export function sentenceOf({ study, round, updates, outcome, model, missing }: Recomputation): string {
  const what = `Round ${round} of ${study}, from ${updates} updates`;
  if (outcome === 'missing')
    return `${what}: expected every blob that it was made from, got none or another for ${missing.join(', ')}.`;
  if (outcome === 'same') return `${what}: the same model ${model!.stored}.`;
  return `${what}: expected the model ${model!.stored} and the same optimiser, got ${model!.recomputed}.`;
}

export const EXIT_CODE_OF = { same: ExitCode.ok, different: ExitCode.differs, missing: ExitCode.missing } as const;

async function findRound(
  dataSource: DataSource,
  number: number,
  studyId: string | undefined,
): Promise<{ study: StudyEntity; round: RoundEntity }> {
  const rounds = await dataSource.manager.find(RoundEntity, { where: { number, state: 'committed' } });
  const wanted = rounds.filter((round) => studyId === undefined || round.studyId === studyId);
  if (wanted.length !== 1) {
    const has =
      wanted.length === 0
        ? 'none'
        : `the studies ${wanted.map((round) => round.studyId).join(', ')}; name one with --study`;
    const of = studyId === undefined ? 'one study' : `the study ${studyId}`;
    throw new StartRefused(ExitCode.usage, `Expected a committed round ${number} in ${of}, got ${has}.`);
  }
  const study = await dataSource.manager.findOneByOrFail(StudyEntity, { id: wanted[0].studyId });
  return { study, round: wanted[0] };
}

async function missingOf(store: BlobStore, { base, optimiser, updates }: ModelRecipe): Promise<Digest[]> {
  const digests = [base, ...(optimiser === null ? [] : [optimiser]), ...updates.map(({ blob }) => blob)];
  const missing: Digest[] = [];
  for (const digest of new Set(digests)) {
    const intact = (await store.sizeOf(digest)) !== null && (await digestOfFile(await store.local(digest))) === digest;
    if (!intact) missing.push(digest);
  }
  return missing;
}

function compared(stored: Digest | null, made: WrittenContainer | null): Compared | null {
  if (stored === null && made === null) return null;
  return { stored: stored ?? '', recomputed: made?.digest ?? '' };
}
