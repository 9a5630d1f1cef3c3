import type { Refusal } from '@consilium/shared';
import { z } from 'zod';
import { NodeFailure } from '../settings/failure.js';

/** Every reason for which something is stopped at the site. Closed. */
const ObjectionReason = z.enum([
  'unknown-way',
  'unknown-content',
  'text',
  'metric-unnamed',
  'metric-out-of-range',
  'too-few-volumes',
  'too-few-steps',
  'too-large',
  'malformed-container',
  'not-canonical',
  'metadata',
  'tensor-missing',
  'tensor-unexpected',
  'wrong-dtype',
  'wrong-shape',
  'not-finite',
  'norm-too-large',
  'statistics-withheld',
  'too-little-support',
  'digest-mismatch',
  'wrong-base',
  'not-passed-before',
  'bad-signature',
  'no-consent',
]);

/** `sentence`: what was expected, and what came. It may show a piece of what was stopped: it stays at the site. */
export const Objection = z.strictObject({ reason: ObjectionReason, sentence: z.string().max(1000) });
export type Objection = z.infer<typeof Objection>;

export function objection(reason: Objection['reason'], sentence: string): Objection {
  return { reason, sentence: sentence.slice(0, 1000) };
}

/** What the server would refuse as well, in the site's own terms. */
export function objectionOf({ reason, sentence }: Refusal): Objection {
  return objection(ObjectionReason.catch('malformed-container').parse(reason), sentence);
}

/** A piece of a text from outside, for a sentence. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

/** The site's own gate said no: asking again changes nothing, and neither can the server. */
export class EgressRefused extends NodeFailure {
  constructor(
    readonly what: string,
    readonly objection: Objection,
  ) {
    super('stopped-at-site', `${what}: stopped at this site (${objection.reason}): ${objection.sentence}`);
  }
}
