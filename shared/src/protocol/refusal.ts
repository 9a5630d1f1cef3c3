import { z } from 'zod';

/** Every reason for which an update, a join or an upload is refused. Closed: a new reason is a new protocol version. */
export const RefusalReason = z.enum([
  'not-a-member',
  'wrong-study',
  'wrong-round',
  'round-closed',
  'duplicate-update',
  'wrong-base',
  'bad-signature',
  'unknown-blob',
  'digest-mismatch',
  'malformed-container',
  'tensor-missing',
  'tensor-unexpected',
  'wrong-shape',
  'wrong-dtype',
  'not-finite',
  'out-of-bounds',
  'norm-too-large',
  'counts-beyond-enrolled',
  'refused-by-person',
  'not-decided-in-time',
  'no-consent',
  'stopped-at-site',
  'failed-at-site',
  'protocol-version',
]);
export type RefusalReason = z.infer<typeof RefusalReason>;

/** An expected "no": a value, not an exception. `sentence` says who, what was expected and what came. */
export const Refusal = z.strictObject({ reason: RefusalReason, sentence: z.string().max(1000) });
export type Refusal = z.infer<typeof Refusal>;

/** Why an admitted update waits for a person: its change is longer than the others', or points against them. */
export const Quarantine = z.strictObject({ reason: z.enum(['norm', 'direction']), sentence: z.string().max(1000) });
export type Quarantine = z.infer<typeof Quarantine>;
