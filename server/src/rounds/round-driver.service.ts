import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, In } from 'typeorm';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, LOG, type Clock } from '../settings/process-context.js';
import { systemCode } from '../settings/start-refused.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ModelArithmetic } from './model-arithmetic.js';
import { ACTIVE_STATES } from './round-row.js';
import { RoundEntity } from './round.entity.js';
import { RoundOpening } from './round-opening.service.js';
import type { RoundEvent, Tally } from './round-state.js';
import { RoundTransitions, tallyOf } from './round-transitions.service.js';
import { UpdateEntity } from './update.entity.js';

/**
 * Moves rounds on from what the database says, and from nothing else: it may be called at any time, any number of times,
 * and after a crash it goes on where the rows stand. Deadlines are looked at when the process's ticker pokes it.
 */
@Injectable()
export class RoundDriver {
  #advancing: Promise<void> | undefined;
  #again = false;
  #stopped = true;
  /** Rounds whose aggregate this process is computing. */
  readonly #aggregating = new Map<string, Promise<void>>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly transitions: RoundTransitions,
    private readonly opening: RoundOpening,
    outbox: Outbox,
    private readonly arithmetic: ModelArithmetic,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Logger,
  ) {
    outbox.listen(() => this.poke());
  }

  start(): void {
    this.#stopped = false;
    this.poke();
  }

  /** Resolves once nothing is under way. An aggregate that is being computed is computed again after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#advancing;
    await Promise.all(this.#aggregating.values());
  }

  poke(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#advancing ??= this.#advance().finally(() => {
      this.#advancing = undefined;
      if (this.#again) this.poke();
    });
  }

  async #advance(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        const rounds = await this.dataSource.getRepository(RoundEntity).findBy({ state: In(ACTIVE_STATES) });
        for (const round of rounds) if (await this.#advanceRound(round)) this.#again = true;
        const running = await this.dataSource.getRepository(StudyEntity).findBy({ state: 'running' });
        const waiting = running.filter((study) => !rounds.some((round) => round.studyId === study.id));
        for (const study of waiting) await this.opening.openIfDue(study);
      }
    } catch (error) {
      this.#again = false;
      this.log.error({ err: error }, 'rounds could not be moved on; the next tick tries again');
    }
  }

  async #advanceRound(round: RoundEntity): Promise<boolean> {
    const study = await this.dataSource.getRepository(StudyEntity).findOneByOrFail({ id: round.studyId });
    const at = this.clock.now();
    if (study.state === 'stopped') return this.transitions.apply(round, () => ({ type: 'stopped', at }));
    if (round.state === 'aggregating') {
      this.#startAggregate(study, round);
      return false;
    }
    const due = (tally: Tally): RoundEvent | null => {
      if (tally.accepted + tally.refused >= tally.members) return { type: 'everyone-answered', tally, at };
      return round.deadline <= at ? { type: 'deadline-passed', tally, at } : null;
    };
    // Most looks find nothing to do: only a due round is worth a transaction, which then looks again.
    return due(await tallyOf(this.dataSource.manager, round)) !== null && this.transitions.apply(round, due);
  }

  #startAggregate(study: StudyEntity, round: RoundEntity): void {
    if (this.#aggregating.has(round.id)) return;
    const work = this.#aggregate(study, round)
      .catch((error: unknown) =>
        this.log.error({ err: error, round: round.id }, 'the round could not be closed; the next tick tries again'),
      )
      .finally(() => {
        this.#aggregating.delete(round.id);
        this.poke();
      });
    this.#aggregating.set(round.id, work);
  }

  async #aggregate(study: StudyEntity, round: RoundEntity): Promise<void> {
    const rows = await this.dataSource
      .getRepository(UpdateEntity)
      .find({ where: { roundId: round.id, state: 'accepted' }, order: { siteId: 'ASC' } });
    const updates = rows.map((row) => ({ blob: row.blobDigest, weight: row.weightThousandths }));
    const started = performance.now();
    try {
      if (!updates.some((update) => update.weight > 0)) throw new Error('every accepted update has the weight 0');
      const result = await this.arithmetic.aggregate({ manifest: study.manifest, base: round.baseDigest, updates });
      await this.transitions.apply(round, () => ({ type: 'aggregated', result, at: this.clock.now() }));
      const milliseconds = Math.round(performance.now() - started);
      this.log.info(
        { round: round.number, updates: updates.length, digest: result.digest, milliseconds },
        'round committed',
      );
    } catch (error) {
      if (this.#stopped) return;
      this.log.error({ err: error, round: round.id }, 'the aggregate could not be computed');
      await this.transitions.apply(round, () => ({
        type: 'aggregation-failed',
        reason: failure(error),
        at: this.clock.now(),
      }));
    }
  }
}

function failure(error: unknown): string {
  if (systemCode(error) === 'ENOSPC') return "The aggregate could not be written: the server's disk is full.";
  return `The aggregate could not be computed: ${error instanceof Error ? error.message : 'unknown failure'}`.slice(
    0,
    500,
  );
}
