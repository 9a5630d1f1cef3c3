import { z } from 'zod';
import { Count } from './primitives.js';

const rate = (value: number) =>
  z.number().positive().max(10).default(value).describe('what the server applies of the step that it has computed');
const decay = (value: number) => z.number().min(0).max(0.9999).default(value);
const adaptive = {
  rate: rate(0.01),
  firstDecay: decay(0.9).describe('beta 1'),
  secondDecay: decay(0.99).describe('beta 2'),
  adaptivity: z.number().positive().max(1).default(1e-3).describe('tau'),
};

/** How trained parameters of several sites become one; a file for each rule in shared/src/aggregation. */
export const RuleSettings = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('fedavg') }),
  z.strictObject({ name: z.literal('fedavgm'), rate: rate(1), momentum: decay(0.9) }),
  z.strictObject({ name: z.literal('fedadam'), ...adaptive }),
  z.strictObject({ name: z.literal('fedyogi'), ...adaptive }),
  z.strictObject({
    name: z.literal('norm-clipping'),
    maximumNorm: z.number().positive().max(1e6).default(1).describe("L2 norm to which an update's change is shortened"),
  }),
  z.strictObject({ name: z.literal('median') }),
  z.strictObject({
    name: z.literal('trimmed-mean'),
    trim: z.number().min(0).max(0.49).default(0.2).describe('share of the values left out at either end'),
  }),
  z.strictObject({
    name: z.literal('krum'),
    faulty: z.int().min(0).max(500).default(1).describe('updates that may be arbitrary; needs 2 faulty + 3 updates'),
    kept: z.int().min(1).max(1000).default(1).describe('updates that are averaged; above 1 it is multi-Krum'),
  }),
]);
export type RuleSettings = z.infer<typeof RuleSettings>;

/** What becomes of tensors whose name matches; `*` stands for any text. The first group that matches holds. */
export const TensorGroup = z.strictObject({
  match: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^*]*(\*[^*]*){0,5}$/, 'expected a name with at most five *'),
  how: z
    .enum(['average', 'local', 'exclude'])
    .describe('local: each site keeps its own (FedBN); exclude: trained, and thrown away with the round'),
});
export type TensorGroup = z.infer<typeof TensorGroup>;

const share = z.number().positive().max(1).default(1);

export const AggregationSettings = z.strictObject({
  rule: RuleSettings.prefault({ name: 'fedavg' }),
  weights: z
    .enum(['uniform', 'samples', 'labels'])
    .default('labels')
    .describe('what a site counts: 1, its volumes, or its labelled volumes and a part of the others'),
  unlabelledWeight: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('what an unlabelled volume counts where a labelled one counts 1 (weights: labels)'),
  unlabelledRampRounds: Count.default(0).describe('rounds before unlabelledWeight has risen to its value'),
  unlabelledShare: share.describe("of a round's weight that unlabelled volumes may make up (weights: labels)"),
  siteShare: share.describe("of a round's weight that one site may have"),
  groups: z.array(TensorGroup).max(50).default([]),
  prototypes: z
    .strictObject({
      match: z.boolean().default(true).describe("put each site's prototypes into the order of the global ones first"),
      minimumSupport: z.int().min(1).max(1e9).default(1).describe('labelled voxels below which one is not shared'),
      reseed: z.boolean().default(true).describe('start prototypes that no site attends to anew'),
    })
    .prefault({}),
});
export type AggregationSettings = z.infer<typeof AggregationSettings>;
