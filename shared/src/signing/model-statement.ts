import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { canonicalJson, type Digest } from '../canonical/canonical.js';
import { DigestSchema } from '../protocol/primitives.js';
import type { PublicKey } from '../protocol/site.js';
import { parseJson } from './compact-jws.js';
import { openEnvelope, signEnvelope, type DsseEnvelope } from './dsse.js';
import type { Signer, VerifySignature } from './ed25519.js';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const ModelFile = z.strictObject({
  name: z.string().min(1).max(200),
  algorithm: z.literal('sha256'),
  digest: DigestSchema,
});

/** in-toto Statement v1 with the predicate of the OpenSSF model signing specification 1.0: the files of a model version. */
export const ModelStatement = z.strictObject({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.tuple([
    z.strictObject({
      name: z.string().min(1).max(300),
      digest: z.strictObject({ sha256: DigestSchema.describe("of the resources' digests, one behind the other") }),
    }),
  ]),
  predicateType: z.literal('https://model_signing/signature/v1.0'),
  predicate: z.strictObject({
    serialization: z.strictObject({
      method: z.literal('files'),
      hash_type: z.literal('sha256'),
      allow_symlinks: z.literal(false),
      ignore_paths: z.array(z.string()).max(100),
    }),
    resources: z.array(ModelFile).min(1).max(100).describe('sorted by name'),
  }),
});
export type ModelStatement = z.infer<typeof ModelStatement>;

export function modelStatement(name: string, files: readonly { name: string; digest: Digest }[]): ModelStatement {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: rootDigest(sorted) } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [] },
      resources: sorted.map(({ name, digest }) => ({ name, algorithm: 'sha256', digest })),
    },
  };
}

export function signModel(statement: ModelStatement, signer: Signer): DsseEnvelope {
  return signEnvelope(PAYLOAD_TYPE, utf8ToBytes(canonicalJson(statement)), signer);
}

/** What `publicKey` says of a model; null where it does not, or where the statement does not agree with itself. */
export function openModelSignature(
  envelope: DsseEnvelope,
  publicKey: PublicKey,
  verify?: VerifySignature,
): ModelStatement | null {
  const payload = openEnvelope(envelope, PAYLOAD_TYPE, publicKey, verify);
  const parsed = payload === null ? null : ModelStatement.safeParse(parseJson(payload));
  if (!parsed?.success) return null;
  const { subject, predicate } = parsed.data;
  return subject[0].digest.sha256 === rootDigest(predicate.resources) ? parsed.data : null;
}

function rootDigest(files: readonly { digest: Digest }[]): Digest {
  return bytesToHex(sha256(concatBytes(...files.map(({ digest }) => hexToBytes(digest)))));
}
