import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import { fromPlanes, logSoftmaxOfPlanes, toPlanes } from './class-planes.js';

/** Keeps soft Dice defined where a class is neither there nor predicted. */
const SMOOTH = 1e-5;

export interface SegmentationLoss {
  /** Mean cross entropy over all voxels, scalar. */
  readonly crossEntropy: Tensor;
  /** 1 - soft Dice with squared denominators over the whole batch, mean over the foreground classes, scalar. */
  readonly dice: Tensor;
  /** scale * d(crossEntropy + dice)/dLogits, shaped like the logits. */
  readonly dLogits: Tensor;
  /** Logarithm of the probability of each voxel's own class [voxels]. */
  readonly logOwn: Tensor;
}

/**
 * Cross entropy and foreground Dice of logits [b, h, w, d, C] against label planes [C, voxels], with their gradients in
 * closed form. Leaves both to the caller, who owns the results.
 */
export function segmentationLoss(ops: Ops, logits: Tensor, labels: Tensor, scale: number): SegmentationLoss {
  return ops.tidy(() => {
    const voxels = labels.shape[1];
    const logProbability = logSoftmaxOfPlanes(ops, toPlanes(ops, logits));
    const probability = ops.exp(logProbability);
    const logOwn = ops.sum(ops.mul(logProbability, labels), [0]);
    ops.dispose(logProbability);
    const crossEntropy = ops.mul(ops.mean(logOwn, [0]), -1);
    const { dice, onProbability, onLabel } = diceTerms(ops, probability, labels);
    // dDice/dp per class is a line in p and the label; the softmax takes out its mean over classes.
    const dProbability = ops.add(ops.mul(probability, onProbability), ops.mul(labels, onLabel));
    const level = ops.sum(ops.mul(dProbability, probability), [0], true);
    const dDice = ops.mul(probability, ops.sub(dProbability, level));
    const dCrossEntropy = ops.mul(ops.sub(probability, labels), 1 / voxels);
    const dLogits = fromPlanes(ops, ops.mul(ops.add(dDice, dCrossEntropy), scale), logits.shape);
    return { crossEntropy, dice, dLogits, logOwn };
  });
}

/** Dice loss, and its derivative as onProbability * p + onLabel * label with one factor per class [C, 1]. */
function diceTerms(ops: Ops, probability: Tensor, labels: Tensor) {
  const classes = labels.shape[0];
  const share = Float32Array.from({ length: classes }, (_, c) => (c === 0 ? 0 : 1 / (classes - 1)));
  const foreground = ops.fromHost(share, [classes, 1]);
  const overlap = ops.sum(ops.mul(probability, labels), [1], true);
  const predicted = ops.sum(ops.square(probability), [1], true);
  const labelled = ops.sum(labels, [1], true);
  const numerator = ops.add(ops.mul(overlap, 2), SMOOTH);
  const denominator = ops.add(ops.add(predicted, labelled), SMOOTH);
  const ratio = ops.div(numerator, denominator);
  const weight = ops.div(ops.mul(foreground, 2), denominator);
  return {
    dice: ops.add(ops.mul(ops.sum(ops.mul(foreground, ratio), [0, 1]), -1), 1),
    onProbability: ops.mul(weight, ratio),
    onLabel: ops.mul(weight, -1),
  };
}
