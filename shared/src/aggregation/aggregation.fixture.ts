import fc from 'fast-check';
import type { ExpectedTensor } from '../admission/expected-tensor.js';
import { AggregationSettings } from '../protocol/aggregation-settings.js';
import { encodeContainer } from '../tensors/container.js';
import { elementCount, float32Tensor, type NamedTensors } from '../tensors/host-tensor.js';
import { aggregate, optimiserTensors, valueRanges } from './aggregate.js';
import { sourceOf } from './tensor-source.js';
import type { z } from 'zod';

/** One tensor of each role. */
export const TENSORS: ExpectedTensor[] = [
  { name: 'conv.weight', shape: [2, 3], kind: 'weight' },
  { name: 'mu', shape: [1], kind: 'scalar' },
  { name: 'norm.running_mean', shape: [3], kind: 'statistic' },
  { name: 'norm.running_var', shape: [3], kind: 'statistic' },
  { name: 'prior.class_means', shape: [2, 3], kind: 'prior' },
  { name: 'prior.class_spread', shape: [2, 3], kind: 'prior' },
  { name: 'prior.class_support', shape: [2], kind: 'prior' },
  { name: 'prior.prototype_support', shape: [2, 3], kind: 'prior' },
  { name: 'prototypes', shape: [2, 3, 2], kind: 'prototype' },
];

export interface Update {
  tensors: NamedTensors;
  weight: number;
}

const single = (limit: number) => fc.float({ min: Math.fround(-limit), max: Math.fround(limit), noNaN: true });
/** Values of very different sizes, so that a sum in another order would round differently. */
const value = fc.tuple(single(1), fc.integer({ min: -20, max: 9 })).map(([x, power]) => Math.fround(x * 2 ** power));
const size = value.map(Math.abs);

function valuesOf(name: string): fc.Arbitrary<number> {
  if (name.endsWith('support')) return fc.nat(1e6);
  return name.endsWith('_var') || name.endsWith('spread') ? size : value;
}

export const model: fc.Arbitrary<NamedTensors> = fc
  .tuple(
    ...TENSORS.map(({ name, shape }) => {
      const count = elementCount(shape);
      return fc.array(valuesOf(name), { minLength: count, maxLength: count });
    }),
  )
  .map(
    (data) => new Map(TENSORS.map(({ name, shape }, i) => [name, float32Tensor(shape, Float32Array.from(data[i]))])),
  );

export const updates = (fewest = 1, most = 8): fc.Arbitrary<Update[]> =>
  fc.array(fc.record({ tensors: model, weight: fc.integer({ min: 1, max: 2 ** 30 }) }), {
    minLength: fewest,
    maxLength: most,
  });

export const zeros: NamedTensors = new Map(TENSORS.map(({ name, shape }) => [name, float32Tensor(shape)]));

export interface RunOptions {
  tensors?: readonly ExpectedTensor[];
  state?: NamedTensors | null;
  seed?: string;
}

/** The next model from updates of `base`, and what the optimiser keeps. */
export function run(
  input: z.input<typeof AggregationSettings>,
  base: NamedTensors,
  sites: readonly Update[],
  { tensors = TENSORS, state = null, seed = 'round' }: RunOptions = {},
): { model: NamedTensors; state: NamedTensors } {
  const settings = AggregationSettings.parse(input);
  const source = sourceOf(base);
  const written: number[] = [];
  const kept: number[] = [];
  aggregate({
    base: source,
    updates: sites.map((site) => ({ source: sourceOf(site.tensors), weight: site.weight })),
    tensors,
    ranges: valueRanges(source, tensors),
    settings,
    seed,
    state: state && sourceOf(state),
    write: (values) => written.push(...values),
    writeState: (values) => kept.push(...values),
  });
  return { model: named(tensors, written), state: named(optimiserTensors(tensors, settings), kept) };
}

function named(
  tensors: readonly { name: string; shape: readonly number[] }[],
  values: readonly number[],
): NamedTensors {
  let at = 0;
  const cut = (count: number) => Float32Array.from(values.slice(at, (at += count)));
  const all: NamedTensors = new Map(
    tensors.map(({ name, shape }) => [name, float32Tensor(shape, cut(elementCount(shape)))]),
  );
  if (at !== values.length) throw new Error(`expected ${at} values, got ${values.length}`);
  return all;
}

/** The model with some values replaced. */
export function withValues(tensors: NamedTensors, values: Record<string, readonly number[]>): NamedTensors {
  const changed = new Map(tensors);
  for (const [name, data] of Object.entries(values)) {
    changed.set(name, float32Tensor(tensors.get(name)!.shape, Float32Array.from(data)));
  }
  return changed;
}

/** Every trained value changed by `change`. */
export function withParameters(tensors: NamedTensors, change: (value: number) => number): NamedTensors {
  const trained = TENSORS.filter(({ kind }) => kind !== 'statistic' && kind !== 'prior');
  return withValues(tensors, Object.fromEntries(trained.map(({ name }) => [name, of(tensors, name).map(change)])));
}

export const of = (tensors: NamedTensors, name: string): number[] => [...tensors.get(name)!.data].map(Number);
export const bytesOf = ({ model, state }: { model: NamedTensors; state: NamedTensors }): Uint8Array[] => [
  encodeContainer(model),
  encodeContainer(state),
];
