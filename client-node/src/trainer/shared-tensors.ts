import {
  CLASS_MEANS,
  CLASS_SPREAD,
  CLASS_SUPPORT,
  float32Tensor,
  float32Values,
  PROTOTYPE_SUPPORT,
  treatmentOf,
  type AggregationSettings,
  type NamedTensors,
} from '@consilium/shared';
import type { Withheld } from './messages.js';

const PROTOTYPES = 'prototypes';

/**
 * What of a trained model leaves the site: the base's values stand where a tensor is not averaged or the site withholds it, and in
 * prototypes that too few of the site's labelled voxels stand behind, for the study or for the site.
 */
export function sharedTensors(
  trained: NamedTensors,
  base: NamedTensors,
  { groups, prototypes }: Pick<AggregationSettings, 'groups' | 'prototypes'>,
  withheld: Withheld,
): NamedTensors {
  const isShared = (name: string): boolean =>
    treatmentOf(name, groups) === 'average' && !(withheld.statistics && /\.running_(mean|var)$/.test(name));
  const shared: NamedTensors = new Map(
    [...trained].map(([name, tensor]) => [name, isShared(name) ? tensor : base.get(name)!]),
  );
  const own = shared.get(PROTOTYPES)!;
  const former = float32Values(base.get(PROTOTYPES)!);
  const minimum = Math.max(prototypes.minimumSupport, withheld.minimumSupport);
  const support = float32Values(trained.get(PROTOTYPE_SUPPORT)!);
  const length = own.shape[2];
  const data = float32Values(own).map((value, i) =>
    Math.round(support[Math.floor(i / length)]) < minimum ? former[i] : value,
  );
  shared.set(PROTOTYPES, float32Tensor(own.shape, data));
  silenceSupport(shared, withheld.minimumSupport);
  return shared;
}

/** What has less support than the site wants says nothing, and counts for nothing when sites are averaged. */
function silenceSupport(shared: NamedTensors, minimum: number): void {
  const isSilent = (voxels: number): boolean => Math.round(voxels) < minimum;
  const classes = float32Values(shared.get(CLASS_SUPPORT)!);
  for (const name of [CLASS_MEANS, CLASS_SPREAD]) {
    const { shape } = shared.get(name)!;
    const means = float32Values(shared.get(name)!);
    const row = means.length / classes.length;
    shared.set(
      name,
      float32Tensor(
        shape,
        means.map((value, i) => (isSilent(classes[Math.floor(i / row)]) ? 0 : value)),
      ),
    );
  }
  for (const name of [CLASS_SUPPORT, PROTOTYPE_SUPPORT]) {
    const { shape } = shared.get(name)!;
    const support = float32Values(shared.get(name)!);
    shared.set(
      name,
      float32Tensor(
        shape,
        support.map((voxels) => (isSilent(voxels) ? 0 : voxels)),
      ),
    );
  }
}
