import { z } from 'zod';
import { Count, DigestSchema, Id, Instant, SiteName } from '../protocol/primitives.js';
import { RefusalReason } from '../protocol/refusal.js';
import { BlobRef, LeaveRound } from '../protocol/round.js';
import { PublicKey } from '../protocol/site.js';
import { StudyManifest, StudyState } from '../protocol/study.js';

const operatorName = z.string().max(100);

/** Who did what an event tells of. A site's and an operator's name are as they were then. */
export const LogActor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('server') }),
  z.strictObject({ kind: z.literal('site'), id: Id, name: SiteName }),
  z.strictObject({ kind: z.literal('operator'), id: Id, name: operatorName }),
]);
export type LogActor = z.infer<typeof LogActor>;

const event = <T extends string, S extends z.core.$ZodShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), at: Instant, actor: LogActor, ...shape });

const site = { siteId: Id, site: SiteName };
const siteRole = z.enum(['trainer', 'observer']);
const operator = { operatorId: Id, operator: operatorName };
const role = z.string().max(40);
const study = { studyDigest: DigestSchema };
const round = { ...study, roundId: Id, number: Count };
const model = { ...study, version: Count, model: DigestSchema };
const sentence = z.string().max(1000);
/** Compact serialisation (RFC 7515), whole, so that anyone can check later what was signed. */
const jws = z.string().max(16_384);
/** RFC 7638 thumbprint of a public key. */
const fingerprint = z.string().max(64);

const ofTheLog = [
  /** The first entry: which log this is, and whose signatures its checkpoints bear. */
  event('log-opened', { origin: z.string().max(200), serverKey: PublicKey }),
  /**
   * From this entry on, the new key signs. `endorsement`: a JWS by the former key over {former, origin, serverKey}
   * (canonical JSON, `former` the former key's fingerprint); null where the former key is lost.
   */
  event('server-key-changed', { former: fingerprint, serverKey: PublicKey, endorsement: jws.nullable() }),
  event('log-exported', { size: z.int().min(0) }),
] as const;

const ofSites = [
  event('site-invited', { site: SiteName, role: siteRole }),
  event('site-enrolled', { ...site, role: siteRole, publicKey: PublicKey, fingerprint }),
  event('site-approved', { ...site, fingerprint }),
  /** `endorsement`: the site's `KeyChange`, signed by its former key. */
  event('site-key-changed', { ...site, former: fingerprint, publicKey: PublicKey, fingerprint, endorsement: jws }),
  event('site-revoked', site),
  event('consent-given', { ...site, ...study, jws }),
  event('consent-withdrawn', { ...site, ...study, jws }),
] as const;

const ofOperators = [
  event('operator-added', { ...operator, role }),
  event('operator-role-changed', { ...operator, role }),
  event('operator-credentials-changed', { ...operator, what: z.enum(['password', 'totp']) }),
  event('operator-removed', operator),
  event('operator-logged-in', { method: z.enum(['password', 'password+totp', 'oidc']) }),
  /** The name as it was typed, if it is an operator's; null otherwise, because people type passwords there. */
  event('log-in-refused', { operator: operatorName.nullable(), reason: sentence }),
] as const;

const ofStudies = [
  /** The manifest as a whole: whoever recomputes a model needs its settings. */
  event('study-created', { ...study, manifest: StudyManifest }),
  event('study-state-changed', { ...study, state: StudyState, reason: sentence.nullable() }),
  event('model-signed', {
    ...model,
    envelope: DigestSchema.describe("of the DSSE envelope's JSON text"),
    card: DigestSchema,
  }),
  event('model-measured', {
    ...site,
    ...model,
    volumes: z.int().min(1),
    dice: z.number(),
    hd95: z.number().nullable().describe('mm'),
  }),
  event('model-signed-off', { ...model, statement: sentence }),
  event('model-promoted', { ...model, reason: sentence.nullable() }),
  event('model-rolled-back', { ...model, reason: sentence.nullable() }),
] as const;

const verdict = z.enum(['accepted', 'quarantined']);

const ofRounds = [
  event('round-opened', { ...round, base: DigestSchema, members: z.array(SiteName).max(1000) }),
  /** `jws`: the signed manifest; `verdict` as of its arrival. */
  event('update-received', { ...round, ...site, updateId: Id, blob: BlobRef, jws, verdict }),
  /** An update that is already in stands out from those that came after it, or no longer does. */
  event('update-judged', { ...round, ...site, updateId: Id, verdict, sentence: sentence.nullable() }),
  event('update-decided', { ...round, ...site, updateId: Id, decision: z.enum(['released', 'refused']) }),
  /** Nulls: where what was sent names no round of this server. */
  event('update-refused', {
    studyDigest: DigestSchema.nullable(),
    roundId: Id.nullable(),
    number: Count.nullable(),
    ...site,
    submission: DigestSchema.describe('of the JWS as it was sent'),
    reason: RefusalReason,
    sentence,
  }),
  /** A member that sends no update, by its own word. */
  event('member-left', { ...round, ...site, reason: LeaveRound.shape.reason }),
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
] as const;

/**
 * What the transparency log records, one event to an entry. An entry's leaf is the event's canonical JSON (RFC 8785) in UTF-8.
 * Nothing here may be personal data of patients, and no secret: the log is for auditors of all sites.
 */
export const LogEvent = z.discriminatedUnion('type', [
  ...ofTheLog,
  ...ofSites,
  ...ofOperators,
  ...ofStudies,
  ...ofRounds,
]);
export type LogEvent = z.infer<typeof LogEvent>;
export type LogEventType = LogEvent['type'];

/** An event before the log gives it its time. */
export type NewLogEvent = LogEvent extends infer E ? (E extends LogEvent ? Omit<E, 'at'> : never) : never;
