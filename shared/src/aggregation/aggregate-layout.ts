import type { Digest } from '../canonical/canonical.js';
import type { ExpectedTensor } from '../admission/expected-tensor.js';
import type { AggregationSettings } from '../protocol/aggregation-settings.js';
import { layOutContainer, type ContainerLayout } from '../tensors/container.js';
import { optimiserTensors } from './aggregate.js';

/** The containers that an aggregation fills from front to back. */
export interface AggregateLayout {
  /** In the order in which `aggregate` has to write them. */
  tensors: ExpectedTensor[];
  model: ContainerLayout;
  /** Null where the study's rule keeps nothing between rounds. */
  optimiser: ContainerLayout | null;
}

export function layOutAggregate(
  tensors: readonly ExpectedTensor[],
  settings: Pick<AggregationSettings, 'rule' | 'groups'>,
): AggregateLayout {
  const model = layOutModel(tensors);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const ordered = model.entries.map(({ name }) => byName.get(name)!);
  const kept = optimiserTensors(ordered, settings);
  return { tensors: ordered, model, optimiser: kept.length > 0 ? layOutModel(kept) : null };
}

/** Names a round, for what `aggregate` draws at random in it. */
export function roundSeed(studyDigest: Digest, number: number): string {
  return `${studyDigest} ${number}`;
}

function layOutModel(tensors: readonly { name: string; shape: readonly number[] }[]): ContainerLayout {
  return layOutContainer(tensors.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })));
}
