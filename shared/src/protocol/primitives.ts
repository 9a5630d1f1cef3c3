import { z } from 'zod';

export const DigestSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 digest: 64 lower-case hexadecimal characters');
export const Id = z.uuid();
export const SiteName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'expected 1 to 40 of a-z, 0-9 and -, not starting with -');
export const Count = z.int().min(0).max(1_000_000);
/** ISO 8601 in UTC. */
export const Instant = z.iso.datetime();
/** Three positive whole numbers, in the order of a volume's axes [height, width, depth] (RAS: right, anterior, superior). */
export const Shape3 = z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]);
