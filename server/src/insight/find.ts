import type { DataSource } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { StudyEntity } from '../studies/study.entity.js';

/** Throws ApiError where there is none. */
export async function findRound(dataSource: DataSource, id: string): Promise<RoundEntity> {
  const round = await dataSource.getRepository(RoundEntity).findOneBy({ id });
  if (!round) throw new ApiError('not-found', 'There is no such round.');
  return round;
}

/** Throws ApiError where there is none. */
export async function findStudy(dataSource: DataSource, id: string): Promise<StudyEntity> {
  const study = await dataSource.getRepository(StudyEntity).findOneBy({ id });
  if (!study) throw new ApiError('not-found', 'There is no such study.');
  return study;
}
