import { concatBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { canonicalJson } from '../canonical/canonical.js';
import { SiteName } from '../protocol/primitives.js';
import { PublicKey } from '../protocol/site.js';
import { fromBase64, toBase64 } from '../signing/base64.js';
import { DsseEnvelope } from '../signing/dsse.js';
import { HASH_BYTES, type Hash } from './merkle-hash.js';

/**
 * A log as a file that can be verified without its server: JSON lines in UTF-8, each ended by one newline. First this header, then
 * `size` events, each line exactly the bytes that its leaf was hashed from, then any number of `LogExportLine`.
 */
export const LogExportHeader = z.strictObject({
  format: z.literal('consilium-log-export/1'),
  origin: z.string().min(1).max(200),
  size: z.int().min(0),
  /** Oldest first, as the log itself names them. */
  serverKeys: z.array(PublicKey).min(1).max(1000),
});
export type LogExportHeader = z.infer<typeof LogExportHeader>;

/** Hashes that one `leaves` line holds at most. */
export const LEAVES_PER_LINE = 1024;

export const LogExportLine = z.discriminatedUnion('kind', [
  /** A signed note as the server signed it; witnesses' lines may stand under it. */
  z.strictObject({ kind: z.literal('checkpoint'), note: z.string().max(1 << 20) }),
  /** A site's line under the checkpoint of this size, which has come before. */
  z.strictObject({ kind: z.literal('cosignature'), size: z.int().min(0), site: SiteName, line: z.string().max(1000) }),
  /**
   * What the server's tree of nodes holds for the entries from `from` on: without it a changed entry is still noticed, but only
   * known to be one of those between two checkpoints.
   */
  z.strictObject({ kind: z.literal('leaves'), from: z.int().min(0), hashes: z.base64().max(44 * LEAVES_PER_LINE) }),
  z.strictObject({ kind: z.literal('receipt'), envelope: DsseEnvelope }),
  /** Texts as they were hashed for `model-signed`. */
  z.strictObject({ kind: z.literal('model'), envelope: z.string().max(1 << 20), card: z.string().max(1 << 22) }),
]);
export type LogExportLine = z.infer<typeof LogExportLine>;

/** Without its newline. An event's line is its canonical JSON. */
export function exportLine(value: LogExportHeader | LogExportLine): string {
  return canonicalJson(value);
}

/** `hashes`: at most LEAVES_PER_LINE. */
export function leavesLine(from: number, hashes: readonly Hash[]): LogExportLine {
  return { kind: 'leaves', from, hashes: toBase64(concatBytes(...hashes)) };
}

/** Null where the text does not hold whole hashes. */
export function hashesOfLeavesLine(hashes: string): Hash[] | null {
  const bytes = fromBase64(hashes);
  if (bytes === null || bytes.length % HASH_BYTES !== 0) return null;
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
