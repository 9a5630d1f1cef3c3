import { PROTOTYPE_SUPPORT, type ExpectedTensor } from '../admission/expected-tensor.js';
import type { ValueRange } from '../admission/value-range.js';
import { Random } from '../random/random.js';
import type { WindowFold } from './aggregation-rule.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

/** What the updates of a round say about each prototype [C, R]. */
export interface PooledSupport {
  /** Of each update, in the order of the updates; 0 where it is below the minimum and its prototype not shared. */
  bySite: Float32Array[];
  /** Sums over the updates. */
  sums: Float64Array;
  /** The sum, where there is one, else the base's. */
  support: Float32Array;
}

/** `count`: C R. */
export function poolPrototypeSupport(
  base: TensorSource,
  updates: readonly WeightedUpdate[],
  count: number,
  minimum: number,
): PooledSupport {
  const support = readSupport(base, count);
  const bySite = updates.map(({ source }) =>
    readSupport(source, count).map((voxels) => (voxels < minimum ? 0 : voxels)),
  );
  const sums = new Float64Array(count);
  for (const site of bySite) for (let p = 0; p < count; p++) sums[p] += site[p];
  for (let p = 0; p < count; p++) if (sums[p] > 0) support[p] = sums[p];
  return { bySite, sums, support };
}

/** Whole numbers, whose sums no order can change. */
function readSupport(source: TensorSource, count: number): Float32Array {
  const support = new Float32Array(count);
  source.read(PROTOTYPE_SUPPORT, 0, support);
  return support.map(Math.round);
}

/**
 * Each prototype [C, R, F] folded by the round's rule over the updates that support it, with their support for weights; the
 * base's where none does.
 */
export function foldPrototypes(
  base: TensorSource,
  updates: readonly WeightedUpdate[],
  { bySite, sums }: PooledSupport,
  { name, shape }: ExpectedTensor,
  { fold, range }: { fold: WindowFold; range: ValueRange },
): Float32Array {
  const length = shape[2];
  const values = new Float32Array(sums.length * length);
  base.read(name, 0, values);
  sums.forEach((totalWeight, p) => {
    if (totalWeight === 0) return;
    fold.begin({ range, totalWeight, length });
    updates.forEach(({ source }, site) => {
      if (bySite[site][p] === 0) return;
      source.read(name, p * length, fold.place());
      fold.add(bySite[site][p]);
    });
    values.set(fold.finish(), p * length);
  });
  return values;
}

/** A prototype with less than this share of the mean support of its class's prototypes is dead. */
const DEAD = 0.01;
/** Spread of a re-seeded prototype about the one it is taken from, in root mean squares of that one. */
const SCATTER = 0.1;

/** Prototypes (numbers c R + r) that nobody attends to though their class was seen, each with its class's best supported one. */
export function deadPrototypes({ sums }: PooledSupport, classes: number): Map<number, number> {
  const perClass = sums.length / classes;
  const dead = new Map<number, number>();
  for (let c = 0; c < classes; c++) {
    const own = sums.subarray(c * perClass, (c + 1) * perClass);
    const mean = own.reduce((sum, voxels) => sum + voxels, 0) / perClass;
    const best = own.indexOf(Math.max(...own));
    own.forEach((voxels, r) => {
      if (mean > 0 && voxels < DEAD * mean) dead.set(c * perClass + r, c * perClass + best);
    });
  }
  return dead;
}

/** Puts dead prototypes (`values` [C R, F], in place) near the best of their class: the same place for the same seed. */
export function reseed(values: Float32Array, dead: ReadonlyMap<number, number>, length: number, seed: string): void {
  for (const [p, best] of dead) {
    const model = values.slice(best * length, (best + 1) * length);
    const size = Math.sqrt(model.reduce((sum, value) => sum + value * value, 0) / length);
    const random = Random.from(0, 'reseed', seed, p);
    values.set(
      model.map((value) => value + SCATTER * size * random.uniform(-1, 1)),
      p * length,
    );
  }
}
