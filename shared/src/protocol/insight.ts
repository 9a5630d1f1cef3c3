import { z } from 'zod';
import { Count, DigestSchema, Id, Instant, SiteName } from './primitives.js';
import { Refusal } from './refusal.js';
import { BlobRef, Contribution, RoundState } from './round.js';

/** What the pages of operators read beside the rounds themselves. Nothing here changes anything. */

/** When a member first entered a state. */
export const PhaseMark = z.strictObject({ state: Contribution.shape.state, at: Instant });
export type PhaseMark = z.infer<typeof PhaseMark>;

export const TimelineLane = z.strictObject({
  siteId: Id,
  site: SiteName,
  state: Contribution.shape.state,
  done: Count,
  total: Count,
  refusal: Refusal.nullable(),
  marks: z.array(PhaseMark).describe('in the order of time'),
});
export type TimelineLane = z.infer<typeof TimelineLane>;

/** Who did what when in one round, a lane for each member. */
export const RoundTimeline = z.strictObject({
  roundId: Id,
  number: Count,
  state: RoundState,
  openedAt: Instant.nullable(),
  deadline: Instant.nullable(),
  closedAt: Instant.nullable(),
  lanes: z.array(TimelineLane),
});
export type RoundTimeline = z.infer<typeof RoundTimeline>;

/** `look`: beyond a limit of `RISK_LIMITS` (shared/src/insight/update-risk.ts), so a person should look at it. Null: nothing to judge. */
const riskLevel = z.enum(['usual', 'look']).nullable();

/** What bears on how much an update may reveal of the patients behind it. No measure of it, and no proof of the contrary. */
export const UpdateRisk = z.strictObject({
  norm: z.number().describe('L2 norm of the change of trained parameters'),
  share: z.number().nullable().describe('the same in norms of the base (at least 1)'),
  others: Count.describe('other accepted updates of the round: with none, the aggregate is this update'),
  samples: z
    .strictObject({ labelled: z.number(), unlabelled: z.number() })
    .describe('volumes that it effectively rests on, by the counts and steps that the site has signed'),
  statistics: z
    .strictObject({ layer: z.string(), shift: z.number() })
    .nullable()
    .describe('the batch norm whose running moments moved furthest, in standard deviations of the base'),
  support: z
    .array(Count.nullable())
    .nullable()
    .describe('fewest labelled voxels behind a prototype of each class; null for a class without any'),
  levels: z.strictObject({
    norm: riskLevel,
    cosine: riskLevel,
    samples: riskLevel,
    statistics: riskLevel,
    support: riskLevel,
  }),
});
export type UpdateRisk = z.infer<typeof UpdateRisk>;

/** How one site's update reached a round, and how it stands to the others. */
export const UpdateEvidence = z.strictObject({
  siteId: Id,
  updateId: Id,
  blob: DigestSchema,
  receivedAt: Instant,
  steps: Count,
  cosine: z
    .number()
    .nullable()
    .describe(
      'of its change to the mean change of the accepted updates by weight; from sketches, so off by about 0.03',
    ),
  upload: z
    .strictObject({ bytes: z.int(), milliseconds: z.int() })
    .nullable()
    .describe('all requests that brought its blob; bytes as they travelled'),
  risk: UpdateRisk,
});
export type UpdateEvidence = z.infer<typeof UpdateEvidence>;

const grid = z.array(z.array(z.number()));

/** The prototypes of one model [C][R]; a model that is not there any more has none to show. */
export const PrototypeReport = z.strictObject({
  classes: z.array(z.string()),
  support: grid.describe('labelled voxels that each prototype attends to'),
  shift: z
    .array(z.array(z.number().nullable()))
    .nullable()
    .describe('since the base, as a share of the length that each had'),
  distances: grid.describe("Euclidean, between the classes' mean prototypes [C][C]"),
  points: z.array(z.array(z.tuple([z.number(), z.number()]))).describe('on the two first principal components'),
  explained: z.tuple([z.number(), z.number()]).describe('share of the variance along each of them'),
});
export type PrototypeReport = z.infer<typeof PrototypeReport>;

/** Mean and range of a figure over sites. */
export const Spread = z.strictObject({ mean: z.number(), low: z.number(), high: z.number(), sites: Count });
export type Spread = z.infer<typeof Spread>;

/** One committed model of a study, and the round that made it; version 0 is the initial model. */
export const CurvePoint = z.strictObject({
  version: Count,
  roundId: Id.nullable(),
  dice: Spread.nullable().describe('mean over volumes'),
  hd95: Spread.nullable().describe('mm; mean over the volumes of the sites that have one'),
  loss: Spread.nullable().describe('of the accepted updates; mean by weight'),
  supervised: Spread.nullable(),
  unsupervised: Spread.nullable(),
  cps: Spread.nullable(),
  diceBySite: z.array(z.number().nullable()).describe('in the order of `sites`'),
  hd95BySite: z.array(z.number().nullable()),
});
export type CurvePoint = z.infer<typeof CurvePoint>;

/** How a study went, model by model. */
export const StudyCurves = z.strictObject({
  sites: z.array(SiteName).describe('who has measured any of its models, by name'),
  points: z.array(CurvePoint),
});
export type StudyCurves = z.infer<typeof StudyCurves>;

export const LineageContributor = z.strictObject({
  siteId: Id,
  site: SiteName,
  updateId: Id,
  blob: DigestSchema,
  weight: z.number().describe('share of the aggregate, 0 to 1'),
  labelled: Count,
  unlabelled: Count,
});

/** Where one model version comes from: round, base, rule, and whose updates with which weight. */
export const ModelLineage = z.strictObject({
  studyId: Id,
  version: Count,
  blob: BlobRef,
  optimiser: DigestSchema.nullable(),
  createdAt: Instant,
  roundId: Id.nullable().describe('null for the initial model'),
  base: DigestSchema.nullable(),
  contributors: z.array(LineageContributor),
  dice: z.number().nullable(),
  hd95: z.number().nullable(),
  evaluations: Count.describe('sites that have measured it'),
});
export type ModelLineage = z.infer<typeof ModelLineage>;

/** What became of one site in one round. */
export const Participation = z.strictObject({
  studyId: Id,
  study: z.string(),
  roundId: Id,
  number: Count,
  roundState: RoundState,
  openedAt: Instant.nullable(),
  state: Contribution.shape.state,
  refusal: Refusal.nullable(),
  labelled: Count,
  unlabelled: Count,
  bytes: z.int().nullable(),
  loss: z.number().nullable(),
  updatedAt: Instant,
});
export type Participation = z.infer<typeof Participation>;

/** A round without its members: what a list of many shows. */
export const RoundSummary = z.strictObject({
  id: Id,
  studyId: Id,
  number: Count,
  state: RoundState,
  base: DigestSchema,
  result: BlobRef.nullable(),
  openedAt: Instant.nullable(),
  deadline: Instant.nullable(),
  closedAt: Instant.nullable(),
  reason: z.string().nullable(),
  quorum: Count,
  members: Count,
  accepted: Count,
  refused: Count,
  /** Mean of the evaluations over volumes; null until one arrives. */
  dice: z.number().nullable(),
  /** Mean of the contributions' losses by weight; null until one is accepted. */
  loss: z.number().nullable(),
  /** Bytes of accepted updates. */
  bytes: z.int(),
});
export type RoundSummary = z.infer<typeof RoundSummary>;

/** An entry of the log as it came: a proof is about exactly these values, and a schema with defaults would add to them. */
export const RawLogEntry = z.strictObject({
  index: z.int().min(0),
  leaf: DigestSchema,
  event: z.record(z.string(), z.unknown()),
});
export type RawLogEntry = z.infer<typeof RawLogEntry>;

export const RawLogPage = z.strictObject({
  size: z.int().min(0),
  entries: z.array(RawLogEntry),
  next: z.int().nullable(),
});
