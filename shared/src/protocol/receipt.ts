import { z } from 'zod';
import { DsseEnvelope } from '../signing/dsse.js';

/** A signed note (C2SP tlog-checkpoint) with the lines of all that have signed it. */
export const CheckpointNote = z.string().max(1 << 20);

/** What a site gets for what it has sent: the server's word (see Receipt), and a checkpoint whose tree has the entry. */
export const SignedReceipt = z.strictObject({ envelope: DsseEnvelope, checkpoint: CheckpointNote });
export type SignedReceipt = z.infer<typeof SignedReceipt>;
