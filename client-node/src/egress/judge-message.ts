import {
  canonicalJson,
  ConsentStatement,
  KeyChange,
  keyThumbprint,
  openJws,
  parseJson,
  parseSignatureLine,
  UpdateManifest,
  type Cosignature,
  type DataCard,
  type EnrolRequest,
  type Evaluation,
  type LeaveRound,
  type Progress,
  type PublicKey,
  type SiteHello,
  type SubmitKeyChange,
  type TrainingMetrics,
} from '@consilium/shared';
import type { z } from 'zod';
import { firstIssue } from '../settings/whole-file.js';
import type { Facts } from './egress-log.js';
import type { EgressPolicy } from './egress-policy.js';
import { objection, shown, type Objection } from './objection.js';
import type { Way } from './routes.js';

export interface Judged {
  objection: Objection | null;
  facts: Facts;
}

/** What a message is held against beside the policy. */
export interface Standing {
  policy: EgressPolicy;
  /** Digests of models that have passed, as the server will have them. */
  passed: ReadonlySet<string>;
  ownKey: () => Promise<PublicKey | undefined>;
  /** Whether the site's people have accepted the study of this digest. */
  accepts: (studyDigest: string) => Promise<boolean>;
}

export interface TrainedOn {
  labelled: number;
  unlabelled: number;
  steps: number;
}

type Rule<T> = (message: T, standing: Standing) => Judged | Promise<Judged>;

/** What a node's software and engine may be called: a version, not a sentence, and not a file name. */
const SOFTWARE = /^consilium-node \d{1,4}\.\d{1,4}\.\d{1,4}$/;
const ENGINE = /^@tensorflow\/tfjs-(node|node-gpu|backend-cpu)(, TensorFlow \d{1,3}(\.\d{1,3}){1,2})?, (CPU|GPU)$/;
const ENROLMENT_CODE = /^[A-Za-z0-9-]{1,100}$/;
/** Eight bytes of time and a signature (C2SP tlog-cosignature). */
const COSIGNATURE_BYTES = 72;

const passes = (facts: Facts): Judged => ({ objection: null, facts });
const stopped = (against: Objection, facts: Facts = {}): Judged => ({ objection: against, facts });

/** Each has its form already. By the names of the ways. */
const RULES: Readonly<Record<string, Rule<never>>> = {
  enrolment: (({ code, software }) => {
    const text = textOf('code', code, ENROLMENT_CODE) ?? textOf('software', software, SOFTWARE);
    return text === null ? passes({ software }) : stopped(text);
  }) satisfies Rule<EnrolRequest>,
  hello: (({ software, engine, data }) => {
    const text = textOf('software', software, SOFTWARE) ?? textOf('engine', engine, ENGINE);
    return text === null ? passes({ software, engine, ...cardOf(data) }) : stopped(text);
  }) satisfies Rule<SiteHello>,
  progress: (({ roundId, phase, done, total, metrics }, { policy }) => {
    const facts = { round: roundId, phase, done, total, ...metrics };
    const out = metrics === null ? null : outOfRange({ ...metrics }, policy.metrics.training);
    return out === null ? passes(facts) : stopped(out, facts);
  }) satisfies Rule<Progress>,
  evaluation: (({ model, volumes, dice, hd95 }, { policy }) => {
    const facts = { model, volumes, dice, hd95 };
    const { evaluation, minimumVolumes } = policy.metrics;
    const few = tooFew('validation volumes', volumes, minimumVolumes);
    const out = few ?? outOfRange({ dice, hd95 }, evaluation);
    return out === null ? passes(facts) : stopped(out, facts);
  }) satisfies Rule<Evaluation>,
  consent: (({ jws }, standing) => judgeConsent(jws, standing)) satisfies Rule<{ jws: string }>,
  'change of key': ((change, standing) => judgeKeyChange(change, standing)) satisfies Rule<SubmitKeyChange>,
  leaving: (({ reason }) => passes({ reason })) satisfies Rule<LeaveRound>,
  manifest: (({ jws }, standing) => judgeManifest(jws, standing)) satisfies Rule<{ jws: string }>,
  cosignature: (({ size, line }) => {
    const signature = parseSignatureLine(line)?.signature;
    if (signature?.length === COSIGNATURE_BYTES) return passes({ entries: size });
    return stopped(objection('text', `expected one line of a witness, got ${shown(line)}`));
  }) satisfies Rule<Cosignature>,
};

/** `text`: the JSON that travels. It has to be the one text of what it says, so that nothing hides between the lines. */
export async function judgeMessage({ what, form }: Way, text: string, standing: Standing): Promise<Judged> {
  if (form === undefined)
    return text === '' ? passes({}) : stopped(objection('unknown-content', 'expected no content, got some'));
  const parsed = form.safeParse(text === '' ? undefined : JSON.parse(text));
  if (!parsed.success) {
    return stopped(objection('unknown-content', `expected the form of a ${what}, got ${firstIssue(parsed.error)}`));
  }
  return RULES[what](parsed.data as never, standing);
}

/** What the site signs in exactly one way: nothing rides along with it. */
async function openStatement<S extends z.ZodType<{ siteId: string }>>(
  what: string,
  jws: string,
  schema: S,
  { ownKey }: Standing,
): Promise<z.output<S> | Objection> {
  const key = await ownKey();
  const opened = key === undefined ? null : openJws(jws, key);
  if (opened === null) return objection('bad-signature', `expected a ${what} signed with this site's key`);
  const parsed = schema.safeParse(parseJson(opened.payload));
  if (!parsed.success) return objection('unknown-content', `${what}: ${firstIssue(parsed.error)}`);
  const isCanonical = JSON.stringify(parsed.data) === new TextDecoder().decode(opened.payload);
  if (isCanonical && opened.kid === parsed.data.siteId) return parsed.data;
  return objection('not-canonical', `expected a ${what} with its fields only, in their order and without spaces`);
}

async function judgeConsent(jws: string, standing: Standing): Promise<Judged> {
  const statement = await openStatement('consent', jws, ConsentStatement, standing);
  if ('reason' in statement) return stopped(statement);
  const { decision, studyDigest } = statement;
  const facts = { study: studyDigest, decision };
  if (decision === 'withdrawn' || (await standing.accepts(studyDigest))) return passes(facts);
  return stopped(consentObjection(studyDigest), facts);
}

async function judgeKeyChange({ endorsement, possession }: SubmitKeyChange, standing: Standing): Promise<Judged> {
  const change = await openStatement('change of key', endorsement, KeyChange, standing);
  if ('reason' in change) return stopped(change);
  const newKey = () => Promise.resolve(change.publicKey);
  const again = await openStatement('change of key', possession, KeyChange, { ...standing, ownKey: newKey });
  if ('reason' in again) return stopped(again);
  const facts = { former: change.former, key: keyThumbprint(change.publicKey) };
  if (canonicalJson(change) === canonicalJson(again)) return passes(facts);
  return stopped(objection('unknown-content', 'expected both keys to say the same'), facts);
}

export function consentObjection(study: string): Objection {
  return objection('no-consent', `expected a study that this site has accepted, got ${study}`);
}

async function judgeManifest(jws: string, standing: Standing): Promise<Judged> {
  const manifest = await openStatement('manifest', jws, UpdateManifest, standing);
  if ('reason' in manifest) return stopped(manifest);
  const { policy, passed, accepts } = standing;
  const { blob, base, labelled, unlabelled, steps, metrics, software, roundId, studyDigest } = manifest;
  const facts = {
    round: roundId,
    study: studyDigest,
    base,
    model: blob.digest,
    labelled,
    unlabelled,
    steps,
    ...metrics,
  };
  const against =
    ((await accepts(studyDigest)) ? null : consentObjection(studyDigest)) ??
    (passed.has(blob.digest)
      ? null
      : objection('not-passed-before', `expected a model that has passed this gate, got ${blob.digest}`)) ??
    trainedOnObjection({ labelled, unlabelled, steps }, policy.update) ??
    textOf('software', software, SOFTWARE) ??
    outOfRange({ ...metrics }, policy.metrics.training);
  return { objection: against, facts };
}

function cardOf({ labelled, unlabelled, validation }: DataCard): Facts {
  return { labelled, unlabelled, validation };
}

function textOf(name: string, text: string, pattern: RegExp): Objection | null {
  return pattern.test(text) ? null : objection('text', `${name}: expected ${pattern.source}, got ${shown(text)}`);
}

function tooFew(what: string, got: number, minimum: number): Objection | null {
  return got >= minimum ? null : objection('too-few-volumes', `expected at least ${minimum} ${what}, got ${got}`);
}

/** Few volumes or steps make an update that tells of single patients: what is known of it before it is sent stops it. */
export function trainedOnObjection(
  { labelled, unlabelled, steps }: TrainedOn,
  { minimumVolumes, minimumLabelled, minimumSteps }: EgressPolicy['update'],
): Objection | null {
  const few =
    tooFew('volumes', labelled + unlabelled, minimumVolumes) ??
    (labelled === 0 ? null : tooFew('labelled volumes', labelled, minimumLabelled));
  if (few !== null || steps >= minimumSteps) return few;
  return objection('too-few-steps', `expected at least ${minimumSteps} steps, got ${steps}`);
}

type Metrics = Readonly<Record<string, number | null>>;
type Ranges = Readonly<Partial<Record<keyof TrainingMetrics | 'dice' | 'hd95', readonly [number, number]>>>;

/** The first metric that the policy does not name, or not with this value; null says nothing and always passes. */
function outOfRange(metrics: Metrics, ranges: Ranges): Objection | null {
  for (const [name, value] of Object.entries(metrics)) {
    if (value === null) continue;
    const range = Object.hasOwn(ranges, name) ? ranges[name as keyof Ranges] : undefined;
    if (range === undefined)
      return objection('metric-unnamed', `expected only metrics that the policy names, got ${name}`);
    const [low, high] = range;
    if (value < low || value > high)
      return objection('metric-out-of-range', `${name}: expected ${low} to ${high}, got ${value}`);
  }
  return null;
}
