import { CLASS_MEANS, meanOfVariance, roleOf, type ExpectedTensor } from '../admission/expected-tensor.js';
import { ValueCheck } from '../admission/value-check.js';
import { valueRange, type ValueRange } from '../admission/value-range.js';
import { elementCount } from '../tensors/host-tensor.js';
import type { AggregationRule, WindowFold } from './aggregation-rule.js';
import { poolStatistic, poolVariance } from './batch-statistics.js';
import { poolClassPriors } from './class-priors.js';
import { MAXIMUM_TOTAL_WEIGHT } from './exact-sum.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';

/** Values read at once: a fold's sums and one window of an update stay in a core's cache. Shows in no result. */
export const WINDOW = 1 << 15;

export interface Aggregation {
  base: TensorSource;
  /** At least one of them with a weight above 0. */
  updates: readonly WeightedUpdate[];
  /** All tensors of the study, in the order in which `write` is to receive them. */
  tensors: readonly ExpectedTensor[];
  ranges: ReadonlyMap<string, ValueRange>;
  rule: AggregationRule;
  /** Receives the new model's values, tensor after tensor; `values` is only valid during the call. */
  write: (values: Float32Array) => void;
}

/**
 * The next global model from the updates of a round. Reads every update once, window by window, so memory depends neither
 * on the size of the model nor on the number of sites. The same set of updates gives the same bits in any order.
 */
export function aggregate(aggregation: Aggregation): void {
  const updates = aggregation.updates.filter(({ weight }) => weight > 0);
  const totalWeight = totalOf(aggregation.updates);
  const tools = { fold: aggregation.rule.createFold(WINDOW), check: new ValueCheck(WINDOW) };
  for (const tensor of aggregation.tensors) aggregateTensor({ ...aggregation, updates }, tensor, totalWeight, tools);
}

/** Between which values each tensor of a round's updates may lie: fixed by the base, before the first update comes. */
export function valueRanges(base: TensorSource, tensors: readonly ExpectedTensor[]): Map<string, ValueRange> {
  const check = new ValueCheck(WINDOW);
  return new Map(
    tensors.map((tensor) => {
      let largest = 0;
      for (const { start, length } of windows(tensor)) {
        base.read(tensor.name, start, check.place(length));
        largest = Math.max(largest, check.largest(length));
      }
      return [tensor.name, valueRange(tensor, largest)];
    }),
  );
}

/** Window by window, the only way to go through a tensor whose size somebody else chose. */
export function* windows({ shape }: ExpectedTensor): Generator<{ start: number; length: number }> {
  const count = elementCount(shape);
  for (let start = 0; start < count; start += WINDOW) yield { start, length: Math.min(WINDOW, count - start) };
}

interface Tools {
  fold: WindowFold;
  check: ValueCheck;
}

function aggregateTensor(aggregation: Aggregation, tensor: ExpectedTensor, totalWeight: number, tools: Tools): void {
  const { base, updates, tensors } = aggregation;
  const role = roleOf(tensor);
  if (role === 'parameter') {
    foldParameter(aggregation, tensor, totalWeight, tools);
    return;
  }
  if (role === 'class-means' || role === 'class-support') {
    const [classes, width] = tensors.find(({ name }) => name === CLASS_MEANS)!.shape as [number, number];
    const priors = poolClassPriors(base, updates, classes, width);
    aggregation.write(role === 'class-means' ? priors.means : priors.support);
    return;
  }
  const mean = meanOfVariance(tensor.name);
  for (const { start, length } of windows(tensor)) {
    const out = new Float32Array(length);
    if (role === 'variance') poolVariance(updates, { mean, variance: tensor.name }, start, out);
    else poolStatistic(updates, tensor.name, start, out);
    aggregation.write(out);
  }
}

function foldParameter(
  { base, updates, ranges, write }: Aggregation,
  tensor: ExpectedTensor,
  totalWeight: number,
  { fold, check }: Tools,
): void {
  const range = ranges.get(tensor.name)!;
  for (const window of windows(tensor)) {
    const { start, length } = window;
    const baseWindow = () => {
      const read = new Float32Array(length);
      base.read(tensor.name, start, read);
      return read;
    };
    fold.begin({ tensor, range, totalWeight, length, base: baseWindow });
    for (const { source, weight } of updates) {
      source.read(tensor.name, start, fold.place());
      fold.add(weight);
    }
    const values = fold.finish();
    check.place(length).set(values);
    const refusal = check.refusal(tensor.name, range, window);
    if (refusal !== null) throw new Error(`aggregation: updates passed admission, but ${refusal.sentence}`);
    write(values);
  }
}

function totalOf(updates: readonly WeightedUpdate[]): number {
  for (const { weight } of updates) {
    if (!Number.isSafeInteger(weight) || weight < 0) {
      throw new RangeError(`aggregation: expected weights of whole numbers from 0, got ${weight}`);
    }
  }
  const total = updates.reduce((sum, { weight }) => sum + weight, 0);
  if (total < 1 || total > MAXIMUM_TOTAL_WEIGHT) {
    throw new RangeError(
      `aggregation: expected weights that add up to 1 to 2^50, got ${total} over ${updates.length} updates`,
    );
  }
  return total;
}
