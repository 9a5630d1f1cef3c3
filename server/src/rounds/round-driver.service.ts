import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource, In } from 'typeorm';
import type { AggregatedModel } from '../aggregation/aggregation-jobs.js';
import type { Traces } from '../observability/traces.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, LOG, PROCESS, SETTINGS, TRACES, type Clock } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { systemCode } from '../settings/start-refused.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ModelArithmetic, type ModelRecipe } from './model-arithmetic.js';
import { Departures } from './departures.service.js';
import { Leases } from './leases.service.js';
import { recipeOf } from './round-recipe.js';
import { ACTIVE_STATES, openingOf } from './round-row.js';
import { aggregationSpan } from './round-spans.js';
import { RoundEntity } from './round.entity.js';
import { RoundOpening } from './round-opening.service.js';
import { isClosable, type RoundEvent, type Tally } from './round-state.js';
import { RoundTransitions, tallyOf } from './round-transitions.service.js';

/** Milliseconds without a sign of the process that computes an aggregate until another one takes over. */
const CLAIM = 5_000;

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
    private readonly leases: Leases,
    private readonly departures: Departures,
    outbox: Outbox,
    private readonly arithmetic: ModelArithmetic,
    @Inject(PROCESS) private readonly process: string,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Logger,
    @Inject(TRACES) private readonly traces: Traces,
  ) {
    outbox.listen(() => this.poke());
  }

  /** Takes up what the rows say, whichever process left it so. */
  async start(): Promise<void> {
    await this.leases.extendAfterStart();
    // Where the database is this process's own, whoever claimed an aggregate is gone; elsewhere the claim runs out.
    if (this.settings.databaseUrl === undefined)
      await this.dataSource.getRepository(RoundEntity).update({ state: 'aggregating' }, { claimedBy: null });
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
        const idle = running.filter((study) => !rounds.some((round) => round.studyId === study.id));
        for (const study of idle) if (await this.opening.planIfDue(study)) this.#again = true;
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
    if (round.state === 'planned') return this.opening.openIfDue(study, round);
    if (round.state === 'aggregating') {
      await this.#startAggregate(study, round);
      return false;
    }
    await this.leases.lapse(round);
    await this.departures.dismissUnwilling(round);
    const { deadline } = openingOf(round);
    const due = (tally: Tally): RoundEvent | null => {
      if (isClosable(tally)) return { type: 'nobody-awaited', tally, at };
      return deadline <= at ? { type: 'deadline-passed', tally, at } : null;
    };
    // Most looks find nothing to do: only a due round is worth a transaction, which then looks again.
    return due(await tallyOf(this.dataSource.manager, study, round)) !== null && this.transitions.apply(round, due);
  }

  /** Tells other processes that this one still computes the aggregates that it has begun; called by the ticker. */
  async renewClaims(): Promise<void> {
    for (const roundId of this.#aggregating.keys()) await this.#claim(roundId);
  }

  /** True where no other process computes this round's aggregate. Two that did would agree, at the price of one. */
  async #claim(roundId: string): Promise<boolean> {
    const now = this.clock.now();
    const { affected } = await this.dataSource
      .createQueryBuilder()
      .update(RoundEntity)
      .set({ claimedBy: this.process, claimedUntil: new Date(now.getTime() + CLAIM) })
      .where(`id = :roundId AND state = 'aggregating'`, { roundId })
      .andWhere('(claimed_by IS NULL OR claimed_by = :process OR claimed_until < :now)', { process: this.process, now })
      .execute();
    return affected === 1;
  }

  async #startAggregate(study: StudyEntity, round: RoundEntity): Promise<void> {
    if (this.#aggregating.has(round.id) || !(await this.#claim(round.id))) return;
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
    const recipe = await recipeOf(this.dataSource.manager, study, round);
    const started = performance.now();
    try {
      if (!recipe.updates.some(({ weight }) => weight > 0)) throw new Error('every accepted update has the weight 0');
      const { optimiser, ...result } = await this.#made(study, round, recipe);
      const milliseconds = Math.round(performance.now() - started);
      const what = { round: round.number, updates: recipe.updates.length, digest: result.digest, milliseconds };
      if (await this.transitions.apply(round, () => ({ type: 'aggregated', result, optimiser, at: this.clock.now() })))
        this.log.info(what, 'round committed');
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

  async #made(study: StudyEntity, round: RoundEntity, recipe: ModelRecipe): Promise<AggregatedModel> {
    const begin = this.clock.now();
    const told = (failed: boolean): void => {
      const updates = recipe.updates.length;
      this.traces.record(aggregationSpan({ study, round, updates, begin, end: this.clock.now(), failed }));
    };
    try {
      const made = await this.arithmetic.aggregate(recipe);
      told(false);
      return made;
    } catch (error) {
      told(true);
      throw error;
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
