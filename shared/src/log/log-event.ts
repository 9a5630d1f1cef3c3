import { z } from 'zod';
import { Count, DigestSchema, Id, Instant, SiteName } from '../protocol/primitives.js';
import { RefusalReason } from '../protocol/refusal.js';
import { BlobRef, StudyState } from '../protocol/round.js';
import { PublicKey } from '../protocol/site.js';
import { StudyManifest } from '../protocol/study.js';

/** Who did what an event tells of. A site's and an operator's name are as they were then. */
export const LogActor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('server') }),
  z.strictObject({ kind: z.literal('site'), id: Id, name: SiteName }),
  z.strictObject({ kind: z.literal('operator'), id: Id, name: z.string().max(100) }),
]);
export type LogActor = z.infer<typeof LogActor>;

const event = <T extends string, S extends z.core.$ZodShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), at: Instant, actor: LogActor, ...shape });

const site = { siteId: Id, site: SiteName };
const round = { studyDigest: DigestSchema, roundId: Id, number: Count };
const sentence = z.string().max(1000);

/**
 * What the transparency log records, one event to an entry. An entry's leaf is the event's canonical JSON (RFC 8785) in UTF-8.
 * Nothing here may be personal data of patients, and no secret: the log is for auditors of all sites.
 */
export const LogEvent = z.discriminatedUnion('type', [
  /** The first entry: which log this is, and whose signatures its checkpoints bear. */
  event('log-opened', { origin: z.string().max(200), serverKey: PublicKey }),
  event('server-key-changed', { former: z.string(), serverKey: PublicKey }),

  event('site-enrolled', { ...site, role: z.enum(['trainer', 'observer']), publicKey: PublicKey, fingerprint: z.string() }),
  event('site-approved', { ...site, fingerprint: z.string() }),
  event('site-key-changed', { ...site, former: z.string(), publicKey: PublicKey, fingerprint: z.string() }),
  event('site-revoked', site),

  event('operator-added', { operatorId: Id, operator: z.string().max(100), role: z.string().max(40) }),
  event('operator-role-changed', { operatorId: Id, operator: z.string().max(100), role: z.string().max(40) }),
  event('operator-removed', { operatorId: Id, operator: z.string().max(100) }),
  event('operator-logged-in', { method: z.enum(['password', 'password+totp', 'oidc']) }),
  event('log-in-refused', { operator: z.string().max(100), reason: sentence }),

  /** The manifest as a whole: whoever recomputes a model needs its settings. */
  event('study-created', { studyDigest: DigestSchema, manifest: StudyManifest }),
  event('study-state-changed', { studyDigest: DigestSchema, state: StudyState, reason: sentence.nullable() }),
  /** `jws`: what the site signed with its key. */
  event('consent-given', { ...site, studyDigest: DigestSchema, jws: z.string().max(16_384) }),
  event('consent-withdrawn', { ...site, studyDigest: DigestSchema, jws: z.string().max(16_384) }),

  event('round-opened', { ...round, base: DigestSchema, members: z.array(SiteName).max(1000) }),
  /** `jws`: the signed manifest, whole; `verdict` as of its arrival. */
  event('update-received', {
    ...round,
    ...site,
    updateId: Id,
    blob: BlobRef,
    jws: z.string().max(16_384),
    verdict: z.enum(['accepted', 'quarantined']),
  }),
  event('update-refused', { ...round, ...site, reason: RefusalReason, sentence }),
  event('update-decided', { ...round, ...site, updateId: Id, decision: z.enum(['released', 'refused']) }),
  /** Everything that the new model depends on beside the study's manifest; `updates` in the order of site ids. */
  event('round-committed', {
    ...round,
    base: DigestSchema,
    optimiserBefore: DigestSchema.nullable(),
    updates: z.array(z.strictObject({ ...site, updateId: Id, blob: DigestSchema, weight: z.number() })).max(1000),
    result: BlobRef,
    optimiserAfter: DigestSchema.nullable(),
  }),
  event('round-aborted', { ...round, reason: sentence }),

  /** `envelope`: digest of the DSSE envelope by which the server signed this version. */
  event('model-signed', { studyDigest: DigestSchema, version: Count, model: DigestSchema, envelope: DigestSchema }),
  event('model-promoted', { studyDigest: DigestSchema, version: Count, model: DigestSchema, reason: sentence.nullable() }),
  event('model-rolled-back', { studyDigest: DigestSchema, version: Count, model: DigestSchema, reason: sentence.nullable() }),
  event('log-exported', { size: z.int().min(0) }),
]);
export type LogEvent = z.infer<typeof LogEvent>;
export type LogEventType = LogEvent['type'];

/** An event before the log gives it its time. */
export type NewLogEvent = LogEvent extends infer E ? (E extends LogEvent ? Omit<E, 'at'> : never) : never;
