import { CLASS_MEANS, meanOfVariance, roleOf, type ExpectedTensor } from '../admission/expected-tensor.js';
import { ValueCheck } from '../admission/value-check.js';
import { valueRange, type ValueRange } from '../admission/value-range.js';
import type { AggregationSettings } from '../protocol/aggregation-settings.js';
import type { AggregationRule, WindowFold } from './aggregation-rule.js';
import { poolStatistic, poolVariance } from './batch-statistics.js';
import { poolClassPriors, type ClassPriors } from './class-priors.js';
import { MAXIMUM_TOTAL_WEIGHT } from './exact-sum.js';
import { matchPrototypes } from './prototype-matching.js';
import { deadPrototypes, foldPrototypes, poolPrototypeSupport, reseed } from './prototype-pool.js';
import { ruleOf } from './rules.js';
import type { TensorSource, WeightedUpdate } from './tensor-source.js';
import { treatmentOf } from './tensor-groups.js';
import { longestWindow, windows, type Stretch } from './windows.js';

export interface Aggregation {
  base: TensorSource;
  /** At least one of them with a weight above 0. */
  updates: readonly WeightedUpdate[];
  /** All tensors of the study, in the order in which `write` is to receive them. */
  tensors: readonly ExpectedTensor[];
  ranges: ReadonlyMap<string, ValueRange>;
  settings: Pick<AggregationSettings, 'rule' | 'groups' | 'prototypes'>;
  /** Names the round, for what is drawn at random in it. */
  seed: string;
  /** The tensors of `optimiserTensors` as the last round left them; null before there are any. */
  state: TensorSource | null;
  /** Receives the new model's values, tensor after tensor; `values` is only valid during the call. */
  write: (values: Float32Array) => void;
  /** Likewise the optimiser's, in the order of `optimiserTensors`. */
  writeState: (values: Float32Array) => void;
}

/**
 * The next global model from the updates of a round. Reads every update window by window, so memory depends neither on the
 * size of the model nor (but for a window of each under a rule that sorts or compares) on the number of sites. The same set
 * of updates gives the same bits in any order.
 */
export function aggregate(aggregation: Aggregation): void {
  const { base, tensors, settings } = aggregation;
  requireWeights(aggregation.updates);
  const rule = ruleOf(settings.rule);
  const averaged = (name: string) => treatmentOf(name, settings.groups) === 'average';
  const present = aggregation.updates.filter(({ weight }) => weight > 0);
  const matched = settings.prototypes.match ? matchPrototypes(base, present, tensors, averaged) : present;
  const parameters = tensors.filter((tensor) => roleOf(tensor) === 'parameter' && averaged(tensor.name));
  const updates = rule.select?.({ base, updates: matched, parameters }) ?? matched;
  const round: Round = {
    ...aggregation,
    updates,
    rule,
    fold: rule.createFold(longestWindow(tensors), updates.length),
    check: new ValueCheck(longestWindow(tensors)),
    totalWeight: updates.reduce((sum, { weight }) => sum + weight, 0),
  };
  for (const tensor of tensors) {
    if (averaged(tensor.name)) aggregateTensor(round, tensor);
    else keepBase(round, tensor);
  }
}

/** What a study's rule keeps between rounds: each averaged parameter with one more axis; none where it keeps nothing. */
export function optimiserTensors(
  tensors: readonly ExpectedTensor[],
  { rule, groups }: Pick<AggregationSettings, 'rule' | 'groups'>,
): { name: string; shape: readonly number[] }[] {
  const kinds = ruleOf(rule).optimiser?.initial.length ?? 0;
  if (kinds === 0) return [];
  return tensors
    .filter((tensor) => roleOf(tensor) === 'parameter' && treatmentOf(tensor.name, groups) === 'average')
    .map(({ name, shape }) => ({ name, shape: [...shape, kinds] }));
}

/** Between which values each tensor of a round's updates may lie: fixed by the base, before the first update comes. */
export function valueRanges(base: TensorSource, tensors: readonly ExpectedTensor[]): Map<string, ValueRange> {
  const check = new ValueCheck(longestWindow(tensors));
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

interface Round extends Aggregation {
  rule: AggregationRule;
  fold: WindowFold;
  check: ValueCheck;
  totalWeight: number;
}

function aggregateTensor(round: Round, tensor: ExpectedTensor): void {
  const role = roleOf(tensor);
  switch (role) {
    case 'parameter':
      if (tensor.kind === 'prototype') prototypes(round, tensor);
      else for (const window of windows(tensor)) parameter(round, tensor, window);
      return;
    case 'statistic':
    case 'variance':
      for (const window of windows(tensor)) round.write(statistic(round, tensor, window));
      return;
    case 'prototype-support':
      round.write(support(round, tensor.shape));
      return;
    default:
      round.write(classPriors(round)[PRIOR_OF_ROLE[role]]);
  }
}

const PRIOR_OF_ROLE = { 'class-means': 'means', 'class-spread': 'spread', 'class-support': 'support' } as const;

function keepBase({ base, write }: Round, tensor: ExpectedTensor): void {
  for (const { start, length } of windows(tensor)) write(readAt(base, tensor.name, start, length));
}

function folded(
  { updates, ranges, totalWeight, fold }: Round,
  { name }: ExpectedTensor,
  window: Stretch,
): Float32Array {
  fold.begin({ range: ranges.get(name)!, totalWeight, length: window.length });
  for (const { source, weight } of updates) {
    source.read(name, window.start, fold.place());
    fold.add(weight);
  }
  return fold.finish();
}

function parameter(round: Round, tensor: ExpectedTensor, window: Stretch): void {
  const values = folded(round, tensor, window);
  step(round, tensor, window, values);
  write(round, tensor, window, values);
}

/** The optimiser's step from the folded values, which it changes in place. */
function step(round: Round, { name }: ExpectedTensor, { start, length }: Stretch, values: Float32Array): void {
  const { optimiser } = round.rule;
  if (!optimiser) return;
  const kinds = optimiser.initial.length;
  const state = new Float32Array(length * kinds);
  if (round.state) round.state.read(name, start * kinds, state);
  else for (let i = 0; i < state.length; i++) state[i] = optimiser.initial[i % kinds];
  optimiser.step(values, readAt(round.base, name, start, length), state);
  round.writeState(state);
}

function write({ check, ranges, write }: Round, { name }: ExpectedTensor, window: Stretch, values: Float32Array): void {
  check.place(window.length).set(values);
  const refusal = check.refusal(name, ranges.get(name)!, window);
  if (refusal !== null) throw new Error(`aggregation: updates passed admission, but ${refusal.sentence}`);
  write(values);
}

function statistic(round: Round, tensor: ExpectedTensor, window: Stretch): Float32Array {
  if (round.rule.statistics === 'folded') return folded(round, tensor, window);
  const out = new Float32Array(window.length);
  const { name } = tensor;
  if (roleOf(tensor) === 'statistic') poolStatistic(round.updates, name, window.start, out);
  else poolVariance(round.updates, { mean: meanOfVariance(name), variance: name }, window.start, out);
  return out;
}

function classPriors({ base, updates, tensors }: Round): ClassPriors {
  const [classes, width] = tensors.find(({ name }) => name === CLASS_MEANS)!.shape as [number, number];
  return poolClassPriors(base, updates, classes, width);
}

/** [C, R, F], small enough to be held whole. */
function prototypes(round: Round, tensor: ExpectedTensor): void {
  const { base, updates, settings, fold, ranges, seed } = round;
  const [classes, perClass, length] = tensor.shape as [number, number, number];
  const pooled = poolPrototypeSupport(base, updates, classes * perClass, settings.prototypes.minimumSupport);
  const range = ranges.get(tensor.name)!;
  const values = foldPrototypes(base, updates, pooled, tensor, { fold, range });
  const at = ({ start, length }: Stretch) => values.subarray(start, start + length);
  for (const window of windows(tensor)) step(round, tensor, window, at(window));
  if (settings.prototypes.reseed) reseed(values, deadPrototypes(pooled, classes), length, seed);
  for (const window of windows(tensor)) write(round, tensor, window, at(window));
}

function support({ base, updates, settings }: Round, [classes, perClass]: readonly number[]): Float32Array {
  const pooled = poolPrototypeSupport(base, updates, classes * perClass, settings.prototypes.minimumSupport);
  if (settings.prototypes.reseed) for (const p of deadPrototypes(pooled, classes).keys()) pooled.support[p] = 0;
  return pooled.support;
}

function readAt(source: TensorSource, name: string, start: number, length: number): Float32Array {
  const values = new Float32Array(length);
  source.read(name, start, values);
  return values;
}

function requireWeights(updates: readonly WeightedUpdate[]): void {
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
}
