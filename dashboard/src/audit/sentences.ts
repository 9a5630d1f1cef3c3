import type { LogActor, LogEvent } from '@consilium/shared';
import { formatDice, plural } from '../format/figures.js';
import { formatBytes, shortDigest } from '../format/size.js';

/** What an entry of the log says, for a person. */
export function sentenceOf(event: LogEvent): string {
  switch (event.type) {
    case 'log-opened':
      return `The log ${event.origin} was opened`;
    case 'server-key-changed':
      return "The server's signing key was changed";
    case 'log-exported':
      return `The log was exported up to entry ${event.size}`;
    case 'site-invited':
      return `${event.site} was invited as ${event.role}`;
    case 'site-enrolled':
      return `${event.site} enrolled as ${event.role}`;
    case 'site-approved':
      return `${event.site} was approved`;
    case 'site-key-changed':
      return `${event.site} changed its key`;
    case 'site-revoked':
      return `${event.site} was revoked`;
    case 'consent-given':
      return `${event.site} consented to study ${shortDigest(event.studyDigest)}`;
    case 'consent-withdrawn':
      return `${event.site} withdrew its consent to study ${shortDigest(event.studyDigest)}`;
    case 'operator-added':
      return `${event.operator} was added as ${event.role}`;
    case 'operator-role-changed':
      return `${event.operator} became ${event.role}`;
    case 'operator-credentials-changed':
      return `${event.operator}: ${event.what === 'totp' ? 'second factor' : 'password'} changed`;
    case 'operator-removed':
      return `${event.operator} was removed`;
    case 'operator-logged-in':
      return `Logged in by ${event.method.replace('+', ' and ')}`;
    case 'log-in-refused':
      return `A log-in ${event.operator === null ? '' : `of ${event.operator} `}was refused`;
    default:
      return sentenceOfWork(event);
  }
}

type Work = Extract<LogEvent, { studyDigest: unknown }>;

function sentenceOfWork(event: Exclude<Work, { type: 'consent-given' | 'consent-withdrawn' }>): string {
  switch (event.type) {
    case 'study-created':
      return `The study ${event.manifest.name} was created`;
    case 'study-state-changed':
      return `Study ${shortDigest(event.studyDigest)} is ${event.state}${event.reason === null ? '' : `: ${event.reason}`}`;
    case 'model-signed':
      return `Model version ${event.version} was signed`;
    case 'model-measured':
      return `${event.site} measured version ${event.version}: Dice ${formatDice(event.dice)} on ${plural(event.volumes, 'volume')}`;
    case 'model-signed-off':
      return `Version ${event.version} was signed off: ${event.statement}`;
    case 'model-promoted':
      return `Version ${event.version} was promoted`;
    case 'model-rolled-back':
      return `Version ${event.version} was rolled back`;
    case 'round-opened':
      return `Round ${event.number} opened with ${plural(event.members.length, 'site')}`;
    case 'update-received':
      return `Round ${event.number}: ${event.site}'s update ${event.verdict === 'accepted' ? 'accepted' : 'held back'}, ${formatBytes(event.blob.bytes)}`;
    case 'update-judged':
      return `Round ${event.number}: ${event.site}'s update is ${event.verdict === 'accepted' ? 'accepted again' : 'held back'}`;
    case 'update-decided':
      return `Round ${event.number}: ${event.site}'s update was ${event.decision}`;
    case 'update-refused':
      return `${event.number === null ? '' : `Round ${event.number}: `}${event.site}'s update refused, ${event.reason}`;
    case 'member-left':
      return `Round ${event.number}: ${event.site} sends no update, ${event.reason}`;
    case 'round-committed':
      return `Round ${event.number} committed a model from ${plural(event.updates.length, 'update')}`;
    case 'round-aborted':
      return `Round ${event.number} was aborted: ${event.reason}`;
  }
}

export function actorName(actor: LogActor): string {
  return actor.kind === 'server' ? 'server' : actor.name;
}
