import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { ClassMeans, Drawn } from './cps-sampling.js';

export interface CpsLoss {
  /** Scalar. */
  readonly loss: Tensor;
  /** scale * dLoss/dRows [voxels, R]. */
  readonly dRows: Tensor;
}

export interface CpsSettings {
  readonly classes: number;
  /** Of the batch: rows behind them are stand-ins. */
  readonly voxels: number;
  readonly temperature: number;
  readonly scale: number;
}

/** As torch's cosine similarity: a shorter vector counts as this long. */
const SHORTEST = 1e-8;

/**
 * Cooperative positive supervision: InfoNCE on cosine similarity / temperature between anchors and, for each class, its
 * `positives` [R] and the drawn negatives; mean over anchors, sum over drawn classes / classes. Only anchors have a gradient.
 *
 * rows [voxels + stand-ins, R], left to the caller: representations, then what stands in for absent classes. `drawn` is not empty.
 */
export function cpsLoss(
  ops: Ops,
  rows: Tensor,
  positives: ClassMeans,
  drawn: readonly Drawn[],
  settings: CpsSettings,
): CpsLoss {
  return ops.tidy(() => {
    const terms = drawn.map((draw) => classTerm(ops, rows, positives[draw.class]!, draw, settings));
    const anchors = drawn.flatMap((draw) => Array.from(draw.anchors));
    const gradients = ops.concat(
      terms.map(({ dAnchors }) => dAnchors),
      0,
    );
    return {
      loss: terms.map(({ loss }) => loss).reduce((sum, loss) => ops.add(sum, loss)),
      dRows: ops.scatterAddRows(gradients, ops.fromHost(Int32Array.from(anchors), [anchors.length]), settings.voxels),
    };
  });
}

function classTerm(ops: Ops, rows: Tensor, positive: Float32Array, draw: Drawn, settings: CpsSettings) {
  const { classes, temperature, scale } = settings;
  const q = draw.anchors.length;
  const k = draw.negatives.length / q;
  const r = rows.shape[1];
  const raw = ops.gatherRows(rows, ops.fromHost(draw.anchors, [q]));
  const length = ops.reshape(lengthOf(ops, raw, 1), [q, 1]);
  const anchors = ops.div(raw, length); // [q, r]
  const positives = ops.broadcastTo(ops.fromHost(positive, [1, 1, r]), [q, 1, r]);
  const negatives = ops.gatherRows(rows, ops.fromHost(draw.negatives, [q, k]));
  const keys = ops.concat([positives, negatives], 1); // [q, 1 + k, r]
  const keyLength = lengthOf(ops, keys, 2);
  const column = ops.reshape(anchors, [q, r, 1]);
  const similarity = ops.div(ops.reshape(ops.matMul(keys, column), [q, 1 + k]), keyLength);
  const logProbability = ops.logSoftmax(ops.div(similarity, temperature));
  const first = ops.slice(logProbability, [0, 0], [q, 1]);
  const loss = ops.mul(ops.mean(first, [0, 1]), -1 / classes);
  // d similarity, then through the anchor's own normalisation.
  const target = ops.oneHot(ops.fromHost(new Int32Array(q), [q]), 1 + k);
  const dSimilarity = ops.mul(ops.sub(ops.exp(logProbability), target), scale / (temperature * q * classes));
  const pulled = ops.reshape(ops.matMul(ops.reshape(ops.div(dSimilarity, keyLength), [q, 1, 1 + k]), keys), [q, r]);
  const along = ops.sum(ops.mul(dSimilarity, similarity), [1], true);
  return { loss, dAnchors: ops.div(ops.sub(pulled, ops.mul(anchors, along)), length) };
}

function lengthOf(ops: Ops, x: Tensor, axis: number): Tensor {
  return ops.maximum(ops.sqrt(ops.sum(ops.square(x), [axis])), SHORTEST);
}
