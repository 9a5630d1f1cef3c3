import type { TensorSpec } from '../model/tensor-spec.js';

/** One tensor that every update and every model of a study holds, float32; how a model begins does not matter here. */
export type ExpectedTensor = Pick<TensorSpec, 'name' | 'shape' | 'kind'>;

/** Mean representation of each class [C, R], its variance about the mean [C, R], and the voxels both were taken over [C]. */
export const CLASS_MEANS = 'prior.class_means';
export const CLASS_SPREAD = 'prior.class_spread';
export const CLASS_SUPPORT = 'prior.class_support';
/** Labelled voxels of its own class that each prototype attends to [C, R]; how it is measured stands in ADR 7. */
export const PROTOTYPE_SUPPORT = 'prior.prototype_support';

/** What a tensor is in an aggregate: how it is averaged and between which values it may lie. */
export type TensorRole = 'parameter' | 'statistic' | 'variance' | (typeof PRIOR_ROLES)[keyof typeof PRIOR_ROLES];

const PRIOR_ROLES = {
  [CLASS_MEANS]: 'class-means',
  [CLASS_SPREAD]: 'class-spread',
  [CLASS_SUPPORT]: 'class-support',
  [PROTOTYPE_SUPPORT]: 'prototype-support',
} as const;

export function roleOf({ kind, name }: ExpectedTensor): TensorRole {
  switch (kind) {
    case 'weight':
    case 'prototype':
    case 'scalar':
      return 'parameter';
    case 'statistic':
      return name.endsWith('.running_var') ? 'variance' : 'statistic';
    case 'prior':
      if (Object.hasOwn(PRIOR_ROLES, name)) return PRIOR_ROLES[name as keyof typeof PRIOR_ROLES];
      throw new RangeError(`tensor ${name}: expected one of ${Object.keys(PRIOR_ROLES).join(', ')} of kind prior`);
  }
}

/** The running mean that belongs to a running variance. */
export function meanOfVariance(name: string): string {
  return name.replace(/\.running_var$/, '.running_mean');
}
