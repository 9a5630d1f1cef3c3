import type { LogActor, LogEvent, LogEventType } from '@consilium/shared';

interface Coding {
  system: string;
  code: string;
  display: string;
}

const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const dicom = (code: string, display: string): Coding => ({ system: DCM, code, display });
const ACTIVITY = dicom('110100', 'Application Activity');
const LOG_USED = dicom('110101', 'Audit Log Used');
const IMPORT = dicom('110107', 'Import');
const ALERT = dicom('110113', 'Security Alert');
const AUTHENTICATION = dicom('110114', 'User Authentication');
const LOGIN = dicom('110122', 'Login');
const SECURITY_CONFIGURATION = dicom('110129', 'Security Configuration');
const ROLES_CHANGED = dicom('110136', 'Security Roles Changed');
const USER_ATTRIBUTES = dicom('110137', 'User Security Attributes Changed');

/** Create, read, update, delete, execute. */
type Action = 'C' | 'R' | 'U' | 'D' | 'E';

/** What each event is in DICOM's vocabulary of audit events (PS3.16, CID 400 and 403), which IHE's profiles use. */
const KINDS: Record<LogEventType, { type: Coding; subtype?: Coding; action: Action }> = {
  'log-opened': { type: ACTIVITY, action: 'C' },
  'server-key-changed': { type: ALERT, subtype: SECURITY_CONFIGURATION, action: 'U' },
  'log-exported': { type: LOG_USED, action: 'R' },
  'site-invited': { type: ALERT, subtype: SECURITY_CONFIGURATION, action: 'C' },
  'site-enrolled': { type: ALERT, subtype: SECURITY_CONFIGURATION, action: 'C' },
  'site-approved': { type: ALERT, subtype: SECURITY_CONFIGURATION, action: 'U' },
  'site-key-changed': { type: ALERT, subtype: USER_ATTRIBUTES, action: 'U' },
  'site-revoked': { type: ALERT, subtype: SECURITY_CONFIGURATION, action: 'D' },
  'consent-given': { type: ACTIVITY, action: 'C' },
  'consent-withdrawn': { type: ACTIVITY, action: 'D' },
  'operator-added': { type: ALERT, subtype: ROLES_CHANGED, action: 'C' },
  'operator-role-changed': { type: ALERT, subtype: ROLES_CHANGED, action: 'U' },
  'operator-credentials-changed': { type: ALERT, subtype: USER_ATTRIBUTES, action: 'U' },
  'operator-removed': { type: ALERT, subtype: ROLES_CHANGED, action: 'D' },
  'operator-logged-in': { type: AUTHENTICATION, subtype: LOGIN, action: 'E' },
  'log-in-refused': { type: AUTHENTICATION, subtype: LOGIN, action: 'E' },
  'study-created': { type: ACTIVITY, action: 'C' },
  'study-state-changed': { type: ACTIVITY, action: 'U' },
  'model-signed': { type: ACTIVITY, action: 'C' },
  'model-measured': { type: IMPORT, action: 'C' },
  'model-signed-off': { type: ACTIVITY, action: 'U' },
  'model-promoted': { type: ACTIVITY, action: 'U' },
  'model-rolled-back': { type: ACTIVITY, action: 'U' },
  'round-opened': { type: ACTIVITY, action: 'C' },
  'update-received': { type: IMPORT, action: 'C' },
  'update-judged': { type: ACTIVITY, action: 'U' },
  'update-decided': { type: ACTIVITY, action: 'U' },
  'update-refused': { type: IMPORT, action: 'C' },
  'member-left': { type: ACTIVITY, action: 'U' },
  'round-committed': { type: ACTIVITY, action: 'C' },
  'round-aborted': { type: ACTIVITY, action: 'U' },
};

const REFUSED: LogEventType[] = ['log-in-refused', 'update-refused', 'round-aborted'];

export interface LogPlace {
  origin: string;
  index: number;
  /** Of the entry, in hexadecimal. */
  leaf: string;
}

/**
 * A log entry as a FHIR R4 AuditEvent in the pattern of IHE's Basic Audit Log Patterns: who asked (source role), whom
 * (destination role), about what. No profile is named: theirs ask for network addresses, which the log does not keep, or for
 * patients, whom it does not know.
 */
export function auditEvent(event: LogEvent, { origin, index, leaf }: LogPlace): object {
  const { type, subtype, action } = KINDS[event.type];
  const refused = REFUSED.includes(event.type);
  const reason = 'sentence' in event ? event.sentence : 'reason' in event ? event.reason : null;
  return {
    fullUrl: `urn:uuid:${uuidOf(leaf)}`,
    resource: {
      resourceType: 'AuditEvent',
      type,
      subtype: [{ system: 'urn:consilium:log-event', code: event.type }, ...(subtype ? [subtype] : [])],
      action,
      recorded: event.at,
      outcome: refused ? '4' : '0',
      ...(reason && { outcomeDesc: reason }),
      agent: [requestor(event.actor, origin), ...(event.actor.kind === 'server' ? [] : [server(origin)])],
      source: {
        observer: { display: origin },
        type: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
            code: '4',
            display: 'Application Server',
          },
        ],
      },
      entity: [entry(origin, index, leaf), ...subjects(event)],
    },
  };
}

export const bundleHead = '{"resourceType":"Bundle","type":"collection","entry":[\n';
export const bundleTail = '\n]}\n';

function requestor(actor: LogActor, origin: string): object {
  const type = dicom('110153', 'Source Role ID');
  if (actor.kind === 'server') return { type, who: { display: origin }, requestor: true };
  const who = { identifier: { system: `urn:consilium:${actor.kind}`, value: actor.id }, display: actor.name };
  return { type, who, requestor: true };
}

function server(origin: string): object {
  return { type: dicom('110152', 'Destination Role ID'), who: { display: origin }, requestor: false };
}

const SYSTEM_OBJECT: Coding = {
  system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type',
  code: '2',
  display: 'System Object',
};
const SECURITY_RESOURCE: Coding = {
  system: 'http://terminology.hl7.org/CodeSystem/object-role',
  code: '13',
  display: 'Security Resource',
};

function entry(origin: string, index: number, leaf: string): object {
  return {
    what: { identifier: { system: `urn:${origin}`, value: String(index) } },
    type: SYSTEM_OBJECT,
    role: SECURITY_RESOURCE,
    name: `entry ${index} of the transparency log`,
    detail: [{ type: 'leaf hash (RFC 6962)', valueString: leaf }],
  };
}

/** What an event is about, by the names that the log has for it. */
function subjects(event: LogEvent): object[] {
  const names: [string, string | number | null | undefined][] = [
    ['site', 'siteId' in event ? event.siteId : undefined],
    ['operator', 'operatorId' in event ? event.operatorId : undefined],
    ['study', 'studyDigest' in event ? event.studyDigest : undefined],
    ['round', 'roundId' in event ? event.roundId : undefined],
    ['update', 'updateId' in event ? event.updateId : undefined],
    ['model', 'model' in event ? event.model : undefined],
  ];
  return names.flatMap(([kind, value]) =>
    value === undefined || value === null
      ? []
      : [{ what: { identifier: { system: `urn:consilium:${kind}`, value: String(value) } }, type: SYSTEM_OBJECT }],
  );
}

/** Version 8 (RFC 9562): the leaf's first 16 bytes, so that the same entry has the same name in every export. */
function uuidOf(leaf: string): string {
  const variant = '89ab'[parseInt(leaf[16], 16) % 4];
  return [
    leaf.slice(0, 8),
    leaf.slice(8, 12),
    `8${leaf.slice(13, 16)}`,
    `${variant}${leaf.slice(17, 20)}`,
    leaf.slice(20, 32),
  ].join('-');
}
