import { roleOf, type ExpectedTensor } from '../admission/expected-tensor.js';
import { prototypeAxis } from '../model/prototype-axis.js';
import { elementCount } from '../tensors/host-tensor.js';
import { leastCostAssignment } from './assignment.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

/** A tensor numbered by prototypes, as [outer, R, inner]. */
interface TiedTensor {
  tensor: ExpectedTensor;
  outer: number;
  inner: number;
}

/**
 * Each update with its prototypes in the order of the base's: the numbering at which the tied tensors (see prototypeAxis) lie
 * nearest to the base's in L2, which is how they are about to be averaged. All classes share one permutation, because
 * another one would make another network. Averages that keep their own numbering cannot be matched: `averaged` says which
 * tensors are averaged, and has to say so of all tied ones or nothing is done.
 */
export function matchPrototypes(
  base: TensorSource,
  updates: readonly WeightedUpdate[],
  tensors: readonly ExpectedTensor[],
  averaged: (name: string) => boolean,
): readonly WeightedUpdate[] {
  const prototypes = tensors.find(({ name }) => name === 'prototypes');
  if (prototypes === undefined) return updates;
  const count = prototypes.shape[1];
  const tied = tensors.flatMap((tensor) => tiedTensor(tensor, count));
  if (!tied.every(({ tensor }) => averaged(tensor.name))) return updates;
  return updates.map((update) => {
    const order = nearestOrder(base, update.source, tied, count);
    return order === null ? update : { ...update, source: renumbered(update.source, tied, order) };
  });
}

function tiedTensor(tensor: ExpectedTensor, count: number): TiedTensor[] {
  const axis = prototypeAxis(tensor.name);
  if (axis === null) return [];
  if (tensor.shape[axis] !== count) {
    throw new RangeError(
      `tensor ${tensor.name}: expected ${count} prototypes on axis ${axis} of [${tensor.shape.join(', ')}]`,
    );
  }
  return [
    { tensor, outer: elementCount(tensor.shape.slice(0, axis)), inner: elementCount(tensor.shape.slice(axis + 1)) },
  ];
}

/** result[r]: which of the update's prototypes is the base's r; null where each is the base's own. */
function nearestOrder(
  base: TensorSource,
  update: TensorSource,
  tied: readonly TiedTensor[],
  count: number,
): number[] | null {
  const costs = new Float64Array(count * count);
  for (const { tensor, outer, inner } of tied) {
    if (roleOf(tensor) !== 'parameter') continue;
    const [ours, theirs] = [whole(base, tensor), whole(update, tensor)];
    for (let r = 0; r < count; r++) {
      for (let s = 0; s < count; s++)
        costs[r * count + s] += squaredDistance(ours, theirs, { outer, inner, count, r, s });
    }
  }
  const order = leastCostAssignment(costs, count);
  const costOf = (columns: readonly number[]) => columns.reduce((sum, s, r) => sum + costs[r * count + s], 0);
  const own = order.map((_, r) => r);
  return costOf(order) < costOf(own) ? order : null;
}

function squaredDistance(
  ours: Float32Array,
  theirs: Float32Array,
  { outer, inner, count, r, s }: { outer: number; inner: number; count: number; r: number; s: number },
): number {
  let sum = 0;
  for (let o = 0; o < outer; o++) {
    const [one, other] = [(o * count + r) * inner, (o * count + s) * inner];
    for (let i = 0; i < inner; i++) sum += (ours[one + i] - theirs[other + i]) ** 2;
  }
  return sum;
}

/** The source with its prototypes renumbered: tied tensors are small enough to be held. */
function renumbered(source: TensorSource, tied: readonly TiedTensor[], order: readonly number[]): TensorSource {
  const count = order.length;
  const changed = new Map(
    tied.map(({ tensor, outer, inner }) => {
      const values = whole(source, tensor);
      const moved = new Float32Array(values.length);
      for (let o = 0; o < outer; o++) {
        order.forEach((s, r) => {
          const from = (o * count + s) * inner;
          moved.set(values.subarray(from, from + inner), (o * count + r) * inner);
        });
      }
      return [tensor.name, moved];
    }),
  );
  return {
    read: (name, start, into) => {
      const values = changed.get(name);
      if (values === undefined) source.read(name, start, into);
      else into.set(values.subarray(start, start + into.length));
    },
  };
}

function whole(source: TensorSource, { name, shape }: ExpectedTensor): Float32Array {
  const values = new Float32Array(elementCount(shape));
  source.read(name, 0, values);
  return values;
}
