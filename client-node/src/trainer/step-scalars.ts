import type { Scalars } from '../scalars/event-records.js';
import type { Losses } from './checkpoint.js';

/** What a step gives beyond the losses that are reported: for the site's own eyes. */
export interface StepOutcome extends Losses {
  /** Of mu alone. */
  mu?: number | null;
  parts?: Readonly<Record<string, number>>;
  learningRate?: number;
  /** 1 - mu: what the relationship map counts for in rectified logits. */
  relationshipWeight?: number;
}

/** By the names that TensorBoard shows; what a step had no volumes for is left out. */
export function stepScalars(figures: StepOutcome, secondsPerStep: number): Scalars {
  const { loss, supervised, unsupervised, cps, mu, parts = {}, learningRate, relationshipWeight } = figures;
  const named = {
    'loss/total': loss,
    'loss/supervised': supervised,
    'loss/unsupervised': unsupervised,
    'loss/cps': cps,
    'loss/mu': mu,
    'training/learning_rate': learningRate,
    'training/relationship_weight': relationshipWeight,
    'training/seconds_per_step': secondsPerStep,
    ...Object.fromEntries(Object.entries(parts).map(([name, value]) => [`part/${name}`, value])),
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'number')) as Scalars;
}
