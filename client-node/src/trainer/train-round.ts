import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NamedTensors, TrainingMetrics } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import type { CheckpointFile, Losses } from './checkpoint.js';
import type { JobProgress } from './messages.js';
import { stepScalars, type StepOutcome } from './step-scalars.js';

/** The network that is trained; `crln` has the real one. */
export interface Learner<B> {
  /** `globalStep` counts over all rounds of the study. */
  step(batch: B, globalStep: number): StepOutcome | Promise<StepOutcome>;
  saveState(): { tensors: NamedTensors; counters: unknown };
  restoreState(state: { tensors: NamedTensors; counters: unknown }): void;
}

/** Whoever makes batches, on whatever thread: a step's batch is the same whenever it is asked for. */
export interface BatchSource<B> {
  /** `step` counts the round's local steps from 0; they are asked for in their order, from any one on. */
  at(step: number): Promise<B>;
}

export interface RoundOfTraining<B> {
  learner: Learner<B>;
  batches: BatchSource<B>;
  checkpoint: CheckpointFile;
  localSteps: number;
  /** Global step of the round's first local step. */
  firstGlobalStep: number;
  checkpointSeconds: number;
  now: () => number;
  signal: AbortSignal;
  onProgress: (progress: JobProgress) => void;
  /** Told once, before the first step, where a checkpoint lets the round go on. */
  onResume: (steps: number) => void;
}

export interface RoundFigures {
  steps: number;
  resumedFrom: number;
  metrics: TrainingMetrics;
  /** Share of the time that went by without a batch to train on. */
  dataWaitShare: number;
}

/** A round reports the mean of so many last steps: one step's loss says little. */
const AVERAGED_STEPS = 20;

/** Trains one round from its checkpoint or from the start; at the signal it saves and stops before the next step. */
export async function trainRound<B>(round: RoundOfTraining<B>): Promise<RoundFigures> {
  const { learner, batches, checkpoint, localSteps, now } = round;
  const saved = await checkpoint.load();
  if (saved !== undefined) learner.restoreState(saved);
  const resumedFrom = saved?.step ?? 0;
  if (resumedFrom > 0) round.onResume(resumedFrom);
  let losses: Losses[] = saved?.losses ?? [];
  let seconds = saved?.seconds ?? 0;
  let secondsWaiting = saved?.secondsWaiting ?? 0;
  let savedAt = now();
  const save = async (step: number): Promise<void> => {
    await checkpoint.save({ step, seconds, secondsWaiting, losses, ...learner.saveState() });
    savedAt = now();
  };
  for (let step = resumedFrom; step < localSteps; step++) {
    // Lets the message that gives the job up in, between two blocking steps.
    await nextTurn();
    if (round.signal.aborted) {
      if (step > resumedFrom) await save(step);
      throw round.signal.reason;
    }
    const begun = now();
    const batch = await batches.at(step);
    secondsWaiting += (now() - begun) / 1000;
    const figures = await learner.step(batch, round.firstGlobalStep + step);
    const { loss, supervised, unsupervised, cps } = figures;
    const stepLosses: Losses = { loss, supervised, unsupervised, cps };
    requireFinite(stepLosses, step);
    losses = [...losses, stepLosses].slice(-AVERAGED_STEPS);
    seconds += (now() - begun) / 1000;
    const metrics = meanOf([stepLosses], seconds / (step + 1));
    const dataWaitShare = share(secondsWaiting, seconds);
    const scalars = stepScalars(figures, metrics.secondsPerStep);
    round.onProgress({ done: step + 1, total: localSteps, metrics, dataWaitShare, scalars });
    if (now() - savedAt >= round.checkpointSeconds * 1000 && step + 1 < localSteps) await save(step + 1);
  }
  const metrics = meanOf(losses, seconds / localSteps);
  return { steps: localSteps, resumedFrom, metrics, dataWaitShare: share(secondsWaiting, seconds) };
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function requireFinite(losses: Losses, step: number): void {
  if (Number.isFinite(losses.loss)) return;
  throw new NodeFailure('internal', `training: expected a finite loss at step ${step + 1}, got ${losses.loss}`);
}

/** Means over the steps that had the part; null where none had. */
export function meanOf(losses: readonly Losses[], secondsPerStep: number): TrainingMetrics {
  const mean = (part: keyof Losses): number | null => {
    const values = losses.map((step) => step[part]).filter((value) => value !== null);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return {
    loss: mean('loss') ?? 0,
    supervised: mean('supervised'),
    unsupervised: mean('unsupervised'),
    cps: mean('cps'),
    secondsPerStep,
  };
}
