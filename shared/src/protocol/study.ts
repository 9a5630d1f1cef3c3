import { z } from 'zod';
import { AggregationSettings } from './aggregation-settings.js';
import { Count, DigestSchema, Shape3, SiteName } from './primitives.js';

export const StudyState = z.enum(['draft', 'running', 'paused', 'finished', 'stopped']);
export type StudyState = z.infer<typeof StudyState>;

/** What makes two networks the same network. The patch belongs to it: one layer norm spans a whole patch (crln: DIM). */
export const ModelSettings = z.strictObject({
  backbone: z.enum(['vnet', 'unet3d']).default('vnet'),
  channels: z.int().min(1).max(8).default(1).describe('image channels'),
  classes: z.int().min(2).max(64).default(2).describe('background included'),
  width: z.int().min(2).max(64).default(16).describe('channels of the first stage'),
  prototypes: z.int().min(1).max(64).default(16).describe('learned prototypes per class, R'),
  patch: Shape3.default([112, 112, 80])
    .refine(
      (patch) => patch.every((side) => side % 16 === 0),
      'expected sides divisible by 16: the network halves them four times',
    )
    .describe('voxels [height, width, depth]'),
});
export type ModelSettings = z.infer<typeof ModelSettings>;

/** One site's training, in the notation of Wang et al. 2025 (arXiv 2502.11456). */
export const TrainingSettings = z.strictObject({
  labelledPerStep: z.int().min(1).max(16).default(2),
  unlabelledPerStep: z.int().min(0).max(16).default(2),
  learningRate: z.number().positive().max(1).default(2.5e-3),
  momentum: z.number().min(0).max(0.999).default(0.9),
  weightDecay: z.number().min(0).max(0.1).default(5e-4),
  polyPower: z.number().min(0).max(4).default(0.9),
  proximal: z
    .number()
    .min(0)
    .max(10)
    .default(0)
    .describe("FedProx's mu: how strongly each step pulls the weights back to the round's base"),
  controlVariates: z
    .boolean()
    .default(false)
    .describe(
      "SCAFFOLD: correct each site's gradients by what all sites' differ from its own; for sites that take every round",
    ),
  emaDecay: z.number().min(0).max(1).default(0.99),
  warmUpSteps: Count.default(800).describe('steps before pseudo-labels are rectified and prototypes enter CPS'),
  unsupervisedWeight: z.number().min(0).max(10).default(0.5),
  cpsWeight: z.number().min(0).max(10).default(0.5),
  strongConfidence: z.number().min(0).max(1).default(0.97),
  weakConfidence: z.number().min(0).max(1).default(0.7),
  cpsTemperature: z.number().positive().default(0.5),
  cpsAnchors: z.int().min(1).max(4096).default(256),
  cpsNegatives: z.int().min(1).max(4096).default(512),
  cpsPrototypeShare: z.number().min(0).max(10).default(0.6).describe('xi'),
  dropPath: z.number().min(0).max(0.9).default(0.033),
  channelDropout: z
    .number()
    .min(0)
    .max(0.9)
    .nullable()
    .default(null)
    .describe('after the bottom stage and before the heads; null is as published: 0.5 (vnet), 0.3 (unet3d)'),
});
export type TrainingSettings = z.infer<typeof TrainingSettings>;

export const RoundSettings = z.strictObject({
  count: z.int().min(1).max(10_000).default(8),
  localSteps: z.int().min(1).max(100_000).default(100),
  minimumSites: z.int().min(1).max(1000).default(1).describe('a round opens once this many sites are connected'),
  quorum: z.int().min(1).max(1000).default(1).describe('updates a round needs to be committed'),
  quorumShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("share of the members' labelled volumes that accepted updates have to stand for"),
  required: z
    .array(SiteName)
    .max(1000)
    .default([])
    .describe('sites without which no round opens, and without whose update none is committed'),
  deadlineSeconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(86_400),
  leaseSeconds: z
    .int()
    .min(1)
    .max(7 * 86_400)
    .default(3600)
    .describe('a member that makes no progress for so long is not waited for'),
  late: z
    .enum(['refuse', 'carry'])
    .default('refuse')
    .describe('an update after its round has closed is refused, or counts for the round that is open then'),
  staleness: z.int().min(1).max(10).default(1).describe('rounds that a carried update may be old'),
});
export type RoundSettings = z.infer<typeof RoundSettings>;

/** How an update may travel: as it is, rounded to 16 bits, as its difference from the base (lossless), or that difference rounded. */
export const TransferEncoding = z.enum(['float32', 'float16', 'delta', 'delta16']);
export type TransferEncoding = z.infer<typeof TransferEncoding>;

export const TransferSettings = z.strictObject({
  encodings: z
    .array(TransferEncoding)
    .min(1)
    .max(4)
    .default(['float32', 'delta'])
    .describe('what sites may send; float16 and delta16 round what a site has trained'),
});

export const AdmissionSettings = z.strictObject({
  maximumNorm: z
    .number()
    .positive()
    .max(1e6)
    .default(100)
    .describe("refused above: the L2 norm of an update's change, in norms of the base (at least 1)"),
  quarantineNorm: z
    .number()
    .min(1)
    .max(1e6)
    .nullable()
    .default(10)
    .describe("held for a person above: an update's change in medians of the round's; null never"),
  quarantineCosine: z
    .number()
    .min(-1)
    .max(1)
    .nullable()
    .default(-0.3)
    .describe("held for a person below: the cosine to the mean direction of the round's other updates; null never"),
});
export type AdmissionSettings = z.infer<typeof AdmissionSettings>;

/** What a model version has to show before sites are told to use it. */
export const ReleaseSettings = z.strictObject({
  toleratedLoss: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('Dice that any one site may lose against the version in use, or the initial model, on its own volumes'),
  signOffs: z.int().min(0).max(20).default(0).describe('people who have to sign a version off before it is released'),
});
export type ReleaseSettings = z.infer<typeof ReleaseSettings>;

/** A study as sites consent to it. Its canonical JSON is hashed, and the digest names it everywhere. */
export const StudyManifest = z
  .strictObject({
    name: z.string().min(1).max(120),
    classNames: z.array(z.string().min(1).max(60)).min(2).max(64).default(['background', 'organ']),
    model: ModelSettings.prefault({}),
    spacing: z
      .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
      .default([1, 1, 1])
      .describe('mm'),
    training: TrainingSettings.prefault({}),
    rounds: RoundSettings.prefault({}),
    aggregation: AggregationSettings.prefault({}),
    transfer: TransferSettings.prefault({}),
    admission: AdmissionSettings.prefault({}),
    release: ReleaseSettings.prefault({}),
    initial: z
      .union([z.strictObject({ seed: z.int().min(0).max(0xffffffff) }), z.strictObject({ digest: DigestSchema })])
      .default({ seed: 0 })
      .describe('the first model: drawn from a seed, or a model version that the server holds'),
  })
  .refine((study) => study.classNames.length === study.model.classes, {
    message: 'expected one class name for each of model.classes',
    path: ['classNames'],
  });
export type StudyManifest = z.infer<typeof StudyManifest>;
/** A study as it is written down: what has a default may be left out. */
export type StudyDraft = z.input<typeof StudyManifest>;
