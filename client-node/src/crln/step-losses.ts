import type { TrainingSettings } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import type { LossName, LossTensors } from './student-step.js';

/** Figures of one step; null where the batch had no such part. */
export interface StepLosses {
  /** supervised + weighted unsupervised + weighted CPS. */
  readonly loss: number;
  readonly supervised: number | null;
  readonly unsupervised: number | null;
  readonly cps: number | null;
  /** Cross entropy + Dice of the rectified logits, halved. */
  readonly mu: number | null;
  /** The parts that `supervised` and `mu` are halves of. */
  readonly parts: Partial<Record<LossName, number>>;
}

/** Fetches all scalars in one transfer and disposes of them. */
export function stepLosses(ops: Ops, losses: LossTensors, training: TrainingSettings): StepLosses {
  const tensors = [...losses.values()];
  const values = ops.tidy(() =>
    ops.toHost(
      ops.concat(
        tensors.map((tensor) => ops.reshape(tensor, [1])),
        0,
      ),
    ),
  );
  ops.dispose(...tensors);
  const parts: Partial<Record<LossName, number>> = Object.fromEntries(
    [...losses.keys()].map((name, i) => [name, values[i]]),
  );
  const half = (names: LossName[]) =>
    parts[names[0]] === undefined ? null : 0.5 * names.reduce((sum, name) => sum + parts[name]!, 0);
  const supervised = half(['crossEntropy', 'dice', 'crossEntropyRelationship', 'diceRelationship']);
  const unsupervised = parts.unsupervised ?? null;
  const cps = parts.cps ?? null;
  const loss = (supervised ?? 0) + training.unsupervisedWeight * (unsupervised ?? 0) + training.cpsWeight * (cps ?? 0);
  return { loss, supervised, unsupervised, cps, mu: half(['muCrossEntropy', 'muDice']), parts };
}
