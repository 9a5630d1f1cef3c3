import type { TensorSpec } from '../model/tensor-spec.js';

/** One tensor that every update and every model of a study holds, float32; how a model begins does not matter here. */
export type ExpectedTensor = Pick<TensorSpec, 'name' | 'shape' | 'kind'>;

/** Mean representation of each class [C, R], and the voxels it was taken over [C]. */
export const CLASS_MEANS = 'prior.class_means';
export const CLASS_SUPPORT = 'prior.class_support';

/** What a tensor is in an aggregate: how it is averaged and between which values it may lie. */
export type TensorRole = 'parameter' | 'statistic' | 'variance' | 'class-means' | 'class-support';

export function roleOf({ kind, name }: ExpectedTensor): TensorRole {
  switch (kind) {
    case 'weight':
    case 'prototype':
    case 'scalar':
      return 'parameter';
    case 'statistic':
      return name.endsWith('.running_var') ? 'variance' : 'statistic';
    case 'prior':
      if (name === CLASS_MEANS) return 'class-means';
      if (name === CLASS_SUPPORT) return 'class-support';
      throw new RangeError(`tensor ${name}: expected ${CLASS_MEANS} or ${CLASS_SUPPORT} of kind prior`);
  }
}

/** The running mean that belongs to a running variance. */
export function meanOfVariance(name: string): string {
  return name.replace(/\.running_var$/, '.running_mean');
}
