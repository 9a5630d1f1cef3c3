import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import type { PseudoLabelled } from '../patches.js';
import { fromPlanes, logSoftmaxOfPlanes, toPlanes } from './class-planes.js';

export interface PseudoLabelLoss {
  /** Mean over the voxels with a positive loss, scalar; 0 where there is none. */
  readonly loss: Tensor;
  /** scale * dLoss/dLogits, shaped like the logits. */
  readonly dLogits: Tensor;
  /** Logarithm of the probability of each voxel's pseudo-label [voxels]; 0 where ignored. */
  readonly logOwn: Tensor;
}

/**
 * Cross entropy of logits [b, h, w, d, C] against planes of pseudo-labels [C, voxels] (all zero where ignored), each volume
 * weighted by `volumeWeights` [b]. Leaves its arguments to the caller, who owns the results.
 */
export function pseudoLabelLoss(
  ops: Ops,
  logits: Tensor,
  labels: Tensor,
  volumeWeights: Float32Array,
  scale: number,
): PseudoLabelLoss {
  return ops.tidy(() => {
    const b = logits.shape[0];
    const voxels = labels.shape[1];
    const logProbability = logSoftmaxOfPlanes(ops, toPlanes(ops, logits));
    const logOwn = ops.sum(ops.mul(logProbability, labels), [0]);
    const positive = ops.reshape(ops.greater(ops.mul(logOwn, -1), 0), [b, voxels / b]);
    const weights = ops.fromHost(volumeWeights, [b, 1]);
    const count = ops.maximum(ops.sum(positive, [0, 1]), 1);
    const share = ops.div(ops.mul(positive, weights), count); // [b, voxels per volume]
    const loss = ops.mul(ops.sum(ops.mul(ops.reshape(logOwn, share.shape), share), [0, 1]), -1);
    const difference = ops.sub(ops.exp(logProbability), labels);
    const dLogits = ops.mul(difference, ops.reshape(ops.mul(share, scale), [1, voxels]));
    return { loss, dLogits: fromPlanes(ops, dLogits, logits.shape), logOwn };
  });
}

/** Share of each volume's voxels that the teacher is sure of, ignored ones left out [b]; 0 for a volume without any. */
export function confidentShares({ label, confidence, shape }: PseudoLabelled, strong: number): Float32Array {
  const voxels = shape[1] * shape[2] * shape[3];
  return Float32Array.from({ length: shape[0] }, (_, volume) => {
    let confident = 0;
    let counted = 0;
    for (let i = volume * voxels; i < (volume + 1) * voxels; i++) {
      if (confidence[i] >= strong) confident++;
      if (label[i] >= 0) counted++;
    }
    return counted === 0 ? 0 : confident / counted;
  });
}
