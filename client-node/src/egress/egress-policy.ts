import {
  canonicalJson,
  digestOfJson,
  fromBase64url,
  toBase64url,
  verifySignature,
  type Digest,
  type PublicKey,
  type Signer,
} from '@consilium/shared';
import { z } from 'zod';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import { firstIssue, readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';

const Size = z
  .int()
  .min(1)
  .max(2 ** 31);
const Range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, 'expected a range [low, high]')
  .describe('[low, high], both allowed');

const TensorRule = z.strictObject({
  names: z.array(z.string().min(1).max(120)).min(1).max(100).describe('* stands for any characters'),
  shapes: z
    .array(z.array(Size).max(8))
    .min(1)
    .max(20)
    .describe('a tensor has as many axes as one of them, none longer'),
});
export type TensorRule = z.infer<typeof TensorRule>;

/** What may leave a site. It belongs to the site: nothing that a server says changes it. */
export const EgressPolicy = z.strictObject({
  update: z.strictObject({
    maximumBytes: Size.describe('of the model, and of what travels'),
    dtypes: z.array(z.enum(['F32'])).min(1),
    tensors: z.array(TensorRule).min(1).max(100).describe('a tensor that fits none of them does not leave'),
    maximumNorm: z.number().positive().describe("the L2 norm of an update's change, in norms of its base (at least 1)"),
    minimumLabelled: z.int().min(0).describe('labelled volumes behind an update, where there are any at all'),
    minimumVolumes: z.int().min(1).describe('volumes behind an update, labelled or not'),
    minimumSteps: z.int().min(1).describe('an update of one step is a gradient'),
    minimumSupport: z
      .number()
      .min(0)
      .describe('labelled voxels behind a prototype or a class mean: with fewer, the site says nothing of it'),
    statistics: z
      .enum(['share', 'withhold'])
      .describe("batch norm's running moments are those of the site's own volumes; withheld, the base's go back"),
  }),
  /** What is not named does not leave. */
  metrics: z.strictObject({
    training: z.partialRecord(z.enum(['loss', 'supervised', 'unsupervised', 'cps', 'secondsPerStep']), Range),
    evaluation: z.partialRecord(z.enum(['dice', 'hd95']), Range),
    minimumVolumes: z.int().min(1).describe('validation volumes behind a mean'),
  }),
});
export type EgressPolicy = z.infer<typeof EgressPolicy>;

/** In force until the site sets its own: room for every model that a study can describe, and for nothing else. */
export const DEFAULT_POLICY: EgressPolicy = {
  update: {
    maximumBytes: 512 * 2 ** 20,
    dtypes: ['F32'],
    tensors: [
      { names: ['vnet.*.weight', 'unet.*.weight', 'dim.*.weight', 'upsample.weight'], shapes: [[3, 3, 3, 2048, 2048]] },
      { names: ['dim.*.weight'], shapes: [[2048, 2048]] },
      { names: ['dim.*.map_norm.weight', 'dim.*.map_norm.bias'], shapes: [[262_144]] },
      { names: ['vnet.*', 'unet.*', 'dim.*', 'upsample.*'], shapes: [[4096]] },
      { names: ['prototypes'], shapes: [[64, 64, 256]] },
      { names: ['mu'], shapes: [[1]] },
      { names: ['prior.class_means', 'prior.class_spread', 'prior.prototype_support'], shapes: [[64, 64]] },
      { names: ['prior.class_support'], shapes: [[64]] },
    ],
    maximumNorm: 10,
    minimumLabelled: 1,
    minimumVolumes: 2,
    minimumSteps: 2,
    minimumSupport: 10,
    statistics: 'share',
  },
  metrics: {
    training: {
      loss: [-1000, 1000],
      supervised: [-1000, 1000],
      unsupervised: [-1000, 1000],
      cps: [-1000, 1000],
      secondsPerStep: [0, 86_400],
    },
    evaluation: { dice: [0, 1], hd95: [0, 10_000] },
    minimumVolumes: 1,
  },
};

export interface PolicyInForce {
  policy: EgressPolicy;
  digest: Digest;
  /** False while the defaults hold because the site has set none. */
  isOwn: boolean;
}

/** For people to read, and what the site's key has said of it. */
const PolicyFile = z.strictObject({ policy: EgressPolicy, signature: z.string() });

/** Throws NodeFailure (usage) where the file is not what the site's key has signed. */
export async function readPolicy(home: NodeHome, key: PublicKey | undefined): Promise<PolicyInForce> {
  const file = await readJsonIfPresent(home.egressPolicy, PolicyFile);
  const policy = file?.policy ?? DEFAULT_POLICY;
  const signature = file === undefined ? null : fromBase64url(file.signature);
  const isSigned = key !== undefined && signature !== null && verifySignature(signature, signedBytes(policy), key);
  if (file !== undefined && !isSigned) {
    throw new NodeFailure(
      'usage',
      `${home.egressPolicy}: expected a policy as this site's key has signed it, got another; "consilium-node egress policy --set FILE" signs one`,
    );
  }
  return { policy, digest: digestOfJson(policy), isOwn: file !== undefined };
}

/** Signs what `value` says, if it is a policy; it is in force for whatever starts from now on. */
export async function setPolicy(home: NodeHome, signer: Signer, value: unknown): Promise<PolicyInForce> {
  const parsed = EgressPolicy.safeParse(value);
  if (!parsed.success) throw new NodeFailure('usage', `egress policy: ${firstIssue(parsed.error)}`);
  const policy = parsed.data;
  const file: z.infer<typeof PolicyFile> = { policy, signature: toBase64url(signer.sign(signedBytes(policy))) };
  await writeWholeFile(home.egressPolicy, `${JSON.stringify(file, null, 2)}\n`);
  return { policy, digest: digestOfJson(policy), isOwn: true };
}

/** The first line keeps a signature over a policy from standing for anything else. */
function signedBytes(policy: EgressPolicy): Uint8Array {
  return new TextEncoder().encode(`consilium-egress-policy/v1\n${canonicalJson(policy)}`);
}
