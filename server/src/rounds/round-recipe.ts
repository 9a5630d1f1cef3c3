import { roundSeed, siteWeights, type StudyManifest } from '@consilium/shared';
import type { EntityManager } from 'typeorm';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import type { StudyEntity } from '../studies/study.entity.js';
import type { ModelRecipe } from './model-arithmetic.js';
import type { RoundEntity } from './round.entity.js';
import { UpdateEntity } from './update.entity.js';

/** What a round's accepted updates count, in their order. */
export function weightsOf(
  updates: readonly Pick<UpdateEntity, 'manifest' | 'staleness'>[],
  { aggregation }: StudyManifest,
  { number }: Pick<RoundEntity, 'number'>,
): number[] {
  const counts = updates.map(({ manifest: { labelled, unlabelled }, staleness }) => ({
    labelled,
    unlabelled,
    staleness,
  }));
  return siteWeights(counts, aggregation, number);
}

/** How a round's model is made, from rows alone: the same at any later time. */
export async function recipeOf(manager: EntityManager, study: StudyEntity, round: RoundEntity): Promise<ModelRecipe> {
  const accepted = await manager.find(UpdateEntity, {
    select: { blobDigest: true, manifest: true, staleness: true },
    where: { roundId: round.id, state: 'accepted' },
    order: { siteId: 'ASC' },
  });
  const weights = weightsOf(accepted, study.manifest, round);
  const before = await manager.findOneBy(ModelVersionEntity, { studyId: study.id, version: round.number - 1 });
  return {
    manifest: study.manifest,
    seed: roundSeed(study.digest, round.number),
    base: round.baseDigest,
    optimiser: before?.optimiserDigest ?? null,
    updates: accepted.map(({ blobDigest }, i) => ({ blob: blobDigest, weight: weights[i] })),
  };
}
