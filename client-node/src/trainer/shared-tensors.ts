import { float32Values, treatmentOf, type AggregationSettings, type NamedTensors } from '@consilium/shared';

const PROTOTYPES = 'prototypes';

/**
 * What of a trained model leaves the site: the base's values stand where a tensor is not averaged, and in prototypes that too
 * few of the site's labelled voxels stand behind.
 */
export function sharedTensors(
  trained: NamedTensors,
  base: NamedTensors,
  { groups, prototypes }: Pick<AggregationSettings, 'groups' | 'prototypes'>,
): NamedTensors {
  const shared: NamedTensors = new Map(
    [...trained].map(([name, tensor]) => [name, treatmentOf(name, groups) === 'average' ? tensor : base.get(name)!]),
  );
  const own = shared.get(PROTOTYPES)!;
  const former = float32Values(base.get(PROTOTYPES)!);
  const support = float32Values(trained.get('prior.prototype_support')!);
  const length = own.shape[2];
  const data = float32Values(own).map((value, i) =>
    Math.round(support[Math.floor(i / length)]) < prototypes.minimumSupport ? former[i] : value,
  );
  return shared.set(PROTOTYPES, { dtype: 'float32', shape: own.shape, data });
}
