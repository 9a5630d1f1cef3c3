import type { Ops } from '../../engine/ops.js';
import { sizeOf, type Tensor } from '../../engine/tensor.js';

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
 * Cross entropy and foreground Dice of logits [b, h, w, d, C] against one-hot labels [voxels, C], with their gradients in
 * closed form. Leaves both to the caller, who owns the results.
 */
export function segmentationLoss(ops: Ops, logits: Tensor, oneHot: Tensor, scale: number): SegmentationLoss {
  return ops.tidy(() => {
    const classes = logits.shape.at(-1)!;
    const voxels = sizeOf(logits.shape) / classes;
    const logProbability = ops.logSoftmax(ops.reshape(logits, [voxels, classes]));
    const probability = ops.exp(logProbability);
    const logOwn = ops.sum(ops.mul(logProbability, oneHot), [1]);
    ops.dispose(logProbability);
    const crossEntropy = ops.mul(ops.mean(logOwn, [0]), -1);
    const { dice, onProbability, onLabel } = diceTerms(ops, probability, oneHot);
    // dDice/dp per class is a line in p and the label; the softmax takes out its mean over classes.
    const dProbability = ops.add(ops.mul(probability, onProbability), ops.mul(oneHot, onLabel));
    const level = ops.sum(ops.mul(dProbability, probability), [1], true);
    const dDice = ops.mul(probability, ops.sub(dProbability, level));
    const dCrossEntropy = ops.mul(ops.sub(probability, oneHot), 1 / voxels);
    const dLogits = ops.reshape(ops.mul(ops.add(dDice, dCrossEntropy), scale), logits.shape);
    return { crossEntropy, dice, dLogits, logOwn };
  });
}

/** Dice loss, and its derivative as onProbability * p + onLabel * label with one factor per class [C]. */
function diceTerms(ops: Ops, probability: Tensor, oneHot: Tensor) {
  const classes = oneHot.shape[1];
  const share = Float32Array.from({ length: classes }, (_, c) => (c === 0 ? 0 : 1 / (classes - 1)));
  const foreground = ops.fromHost(share, [classes]);
  const overlap = ops.sum(ops.mul(probability, oneHot), [0]);
  const predicted = ops.sum(ops.square(probability), [0]);
  const labelled = ops.sum(oneHot, [0]);
  const numerator = ops.add(ops.mul(overlap, 2), SMOOTH);
  const denominator = ops.add(ops.add(predicted, labelled), SMOOTH);
  const ratio = ops.div(numerator, denominator);
  const weight = ops.div(ops.mul(foreground, 2), denominator);
  return {
    dice: ops.add(ops.mul(ops.sum(ops.mul(foreground, ratio), [0]), -1), 1),
    onProbability: ops.mul(weight, ratio),
    onLabel: ops.mul(weight, -1),
  };
}
