import { Injectable } from '@nestjs/common';
import type { TrainingMetrics } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import { ACTIVE_STATES } from '../rounds/round-row.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { UpdateEntity } from '../rounds/update.entity.js';

/** What an update that entered a round says of itself. */
export interface Accepted {
  staleness: number;
  labelled: number;
  unlabelled: number;
  bytes: number;
  metrics: TrainingMetrics;
}

/** Rounds remembered at most. */
const REMEMBERED = 1000;

/** The accepted updates of rounds. Those of a closed round never change: they are read once. */
@Injectable()
export class AcceptedUpdates {
  readonly #closed = new Map<string, Accepted[]>();

  constructor(private readonly dataSource: DataSource) {}

  /** By round of a study. */
  async byRound(studyId: string): Promise<Map<string, Accepted[]>> {
    const rounds = await this.dataSource
      .getRepository(RoundEntity)
      .find({ select: { id: true, state: true }, where: { studyId } });
    const known = new Map(rounds.flatMap(({ id }) => (this.#closed.has(id) ? [[id, this.#closed.get(id)!]] : [])));
    const unknown = rounds.filter(({ id }) => !known.has(id));
    const read = await this.#read(unknown.map(({ id }) => id));
    for (const { id, state } of unknown) if (!ACTIVE_STATES.includes(state)) this.#remember(id, read.get(id) ?? []);
    return new Map([...known, ...read]);
  }

  /** A row a round, not an update: seventy sites over two hundred rounds are fourteen thousand. */
  async #read(roundIds: string[]): Promise<Map<string, Accepted[]>> {
    if (roundIds.length === 0) return new Map();
    const rows = await this.dataSource
      .getRepository(UpdateEntity)
      .createQueryBuilder('sent')
      .select('sent.round_id', 'roundId')
      .addSelect(
        `json_agg(json_build_object(
          'staleness', sent.staleness,
          'labelled', sent.manifest->'labelled',
          'unlabelled', sent.manifest->'unlabelled',
          'bytes', sent.manifest->'blob'->'bytes',
          'metrics', sent.manifest->'metrics'
        ))`,
        'updates',
      )
      .where({ roundId: In(roundIds), state: 'accepted' })
      .groupBy('sent.round_id')
      .getRawMany<{ roundId: string; updates: Accepted[] }>();
    return new Map(rows.map(({ roundId, updates }) => [roundId, updates]));
  }

  #remember(roundId: string, updates: Accepted[]): void {
    this.#closed.set(roundId, updates);
    if (this.#closed.size > REMEMBERED) this.#closed.delete(this.#closed.keys().next().value!);
  }
}
