import { z } from 'zod';
import { LogEvent } from '../log/log-event.js';
import { DigestSchema, Id, Instant } from './primitives.js';
import { CheckpointNote } from './receipt.js';

const LogIndex = z.int().min(0);

export const CheckpointView = z.strictObject({ size: LogIndex, note: CheckpointNote, signedAt: Instant });
export type CheckpointView = z.infer<typeof CheckpointView>;

export const LogEntryView = z.strictObject({
  index: LogIndex,
  leaf: DigestSchema.describe("RFC 6962 hash of the event's canonical JSON"),
  event: LogEvent,
});
export type LogEntryView = z.infer<typeof LogEntryView>;

export const LogQuery = z.strictObject({
  from: z.coerce.number().int().min(0).optional().describe('the first index wanted, in the order asked for'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  order: z.enum(['oldest', 'newest']).default('oldest').describe('which entries come first'),
  type: z.string().max(60).optional(),
  site: Id.optional(),
  study: DigestSchema.optional(),
  round: Id.optional(),
});
export type LogQuery = z.infer<typeof LogQuery>;

export const LogPage = z.strictObject({
  /** Of the whole log. */
  size: LogIndex,
  entries: z.array(LogEntryView),
  /** `from` of the next page; null on the last. */
  next: LogIndex.nullable(),
});
export type LogPage = z.infer<typeof LogPage>;

const Hashes = z.array(DigestSchema).max(64);

export const InclusionQuery = z.strictObject({
  index: z.coerce.number().int().min(0),
  size: z.coerce.number().int().min(1),
});
/** That entry `index` is in the tree of the first `size` (RFC 9162, 2.1.3), from the leaf up. */
export const InclusionProof = z.strictObject({ index: LogIndex, size: LogIndex, leaf: DigestSchema, proof: Hashes });
export type InclusionProof = z.infer<typeof InclusionProof>;

export const ConsistencyQuery = z.strictObject({
  from: z.coerce.number().int().min(0),
  to: z.coerce.number().int().min(0),
});
/** That the first `to` entries begin with the first `from` (RFC 9162, 2.1.4). */
export const ConsistencyProof = z.strictObject({ from: LogIndex, to: LogIndex, proof: Hashes });
export type ConsistencyProof = z.infer<typeof ConsistencyProof>;

/** The entries that name the keys of the server, oldest first: whoever trusts one of them follows endorsements to the newest. */
export const LogKeys = z.strictObject({
  entries: z.array(z.strictObject({ index: LogIndex, event: LogEvent })).max(1000),
});
export type LogKeys = z.infer<typeof LogKeys>;

/** A site's line under a checkpoint that it has verified (C2SP tlog-cosignature). */
export const Cosignature = z.strictObject({ size: LogIndex, line: z.string().max(1000) });
export type Cosignature = z.infer<typeof Cosignature>;
