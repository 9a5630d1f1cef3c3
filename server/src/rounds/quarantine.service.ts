import { Inject, Injectable } from '@nestjs/common';
import { outliers, type JudgedUpdate, type Quarantine, type Refusal } from '@consilium/shared';
import { DataSource, In, type EntityManager } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import type { OperatorCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { lockStudy } from '../studies/studies.service.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { RoundLog } from './round-log.js';
import { RoundEntity } from './round.entity.js';
import { UpdateEntity, type UpdateState } from './update.entity.js';

export type Decision = 'release' | 'refuse';

/** An update whose standing among the others of its round has changed. */
export interface Judged {
  id: string;
  siteId: string;
  state: 'accepted' | 'quarantined';
  /** Why it waits for a person. */
  sentence: string | null;
}

/** Rounds whose sketches are kept in memory. */
const ROUNDS_KEPT = 4;

/** Holds back the updates of a round that stand out from the others, until a person decides or the round's deadline does. */
@Injectable()
export class QuarantineService {
  readonly #sketches = new Map<string, Map<string, JudgedUpdate>>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly roundLog: RoundLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Judges every update on which nobody has decided against all that are in, inside a transaction that holds the study's
   * lock. Each new update may turn an earlier one into an outlier, or end its being one: what stands when the last has
   * arrived does not depend on the order of arrival. Returns the updates whose standing has changed.
   */
  async judgeLocked(manager: EntityManager, { manifest }: StudyEntity, round: RoundEntity): Promise<Judged[]> {
    const { quarantineNorm, quarantineCosine } = manifest.admission;
    if (quarantineNorm === null && quarantineCosine === null) return [];
    const rows = await manager.find(UpdateEntity, {
      select: { id: true, siteId: true, state: true, decidedAt: true, quarantine: { reason: true, sentence: true } },
      where: { roundId: round.id, state: In(['accepted', 'quarantined']) },
    });
    const found = outliers(await this.#judged(manager, round, rows), manifest.admission);
    const judged: Judged[] = [];
    for (const row of rows) {
      const quarantine = found.get(row.id) ?? null;
      const state = quarantine ? 'quarantined' : 'accepted';
      if (row.decidedAt !== null || state === row.state) continue;
      await this.#set(manager, round, row, { state, quarantine });
      judged.push({ id: row.id, siteId: row.siteId, state, sentence: quarantine?.sentence ?? null });
    }
    return judged;
  }

  /** An operator's word on a quarantined update; the same word twice is one. */
  async decide(operator: OperatorCaller, updateId: string, decision: Decision): Promise<string> {
    const update = await this.dataSource.getRepository(UpdateEntity).findOneBy({ id: updateId });
    if (!update) throw new ApiError('not-found', 'There is no such update.');
    const { studyId } = await this.dataSource.getRepository(RoundEntity).findOneByOrFail({ id: update.roundId });
    await this.dataSource.transaction(async (manager) => {
      await lockStudy(manager, studyId);
      const round = await manager.findOneByOrFail(RoundEntity, { id: update.roundId });
      const current = await manager.findOneByOrFail(UpdateEntity, { id: updateId });
      const wanted: UpdateState = decision === 'release' ? 'accepted' : 'refused';
      if (current.decidedAt !== null && current.state === wanted) return;
      requireUndecided(round, current);
      await this.#set(manager, round, current, { state: wanted, decidedAt: this.clock.now() });
      await this.roundLog.decided(manager, operator, { round, update: current, decision });
    });
    this.outbox.poke();
    return update.roundId;
  }

  async #set(
    manager: EntityManager,
    round: RoundEntity,
    { id, siteId }: Pick<UpdateEntity, 'id' | 'siteId'>,
    change: { state: UpdateState; quarantine?: Quarantine | null; decidedAt?: Date },
  ): Promise<void> {
    await manager.update(UpdateEntity, { id }, change);
    const refusal: Refusal | null = change.state === 'refused' ? REFUSED : null;
    const { state } = change;
    await manager.update(
      ContributionEntity,
      { roundId: round.id, siteId },
      { state, refusal, updatedAt: this.clock.now() },
    );
    await this.outbox.add(manager, { topic: 'round', subject: round.id });
  }

  /** Norms and sketches; from the database only those that this process has not seen yet. */
  async #judged(
    manager: EntityManager,
    round: RoundEntity,
    rows: readonly Pick<UpdateEntity, 'id'>[],
  ): Promise<JudgedUpdate[]> {
    const known = this.#sketches.get(round.id) ?? new Map<string, JudgedUpdate>();
    this.#sketches.set(round.id, known);
    const [oldest] = this.#sketches.keys();
    if (this.#sketches.size > ROUNDS_KEPT) this.#sketches.delete(oldest);
    const unknown = rows.filter(({ id }) => !known.has(id)).map(({ id }) => id);
    const read = await manager.find(UpdateEntity, {
      select: { id: true, norm: true, sketch: true },
      where: { id: In(unknown) },
    });
    for (const { id, norm, sketch } of read) known.set(id, { id, norm, sketch: sketchFromText(sketch) });
    return rows.map(({ id }) => known.get(id)!);
  }
}

const REFUSED: Refusal = {
  reason: 'refused-by-person',
  sentence: 'An operator refused the update, which stood out from the others of its round.',
};

function requireUndecided(round: RoundEntity, update: UpdateEntity): void {
  if (update.state !== 'quarantined')
    throw new ApiError('conflict', `Expected an update that waits for a person, got one that is ${update.state}.`);
  if (round.state !== 'open' && round.state !== 'collecting')
    throw new ApiError('conflict', `Expected a round that still collects updates, got one that is ${round.state}.`);
}

export function sketchToText(sketch: Float32Array): string {
  return Buffer.from(sketch.buffer, sketch.byteOffset, sketch.byteLength).toString('base64');
}

export function sketchFromText(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
}
