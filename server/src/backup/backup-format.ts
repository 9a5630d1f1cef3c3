import { DigestSchema } from '@consilium/shared';
import { z } from 'zod';

/**
 * A backup is a folder: this manifest, the rows of each table as lines of JSON in database/, the keys in home/, and in blobs/ every
 * blob under its digest. It knows nothing of where the database and the blobs were, so it can be restored to other places.
 */
export const BackupManifest = z.strictObject({
  format: z.literal('consilium-backup/1'),
  version: z.string(),
  madeAt: z.iso.datetime(),
  /** The last migration that the database had. */
  migration: z.string(),
  /** In the order in which their rows can be written. */
  tables: z.array(z.strictObject({ name: z.string().regex(/^[a-z_]+$/), rows: z.int().min(0), digest: DigestSchema })),
  home: z.array(z.strictObject({ name: z.enum(['identity.json', 'signing-keys.json']), digest: DigestSchema })),
  blobs: z.strictObject({ count: z.int().min(0), bytes: z.int().min(0) }),
});
export type BackupManifest = z.infer<typeof BackupManifest>;

export const MANIFEST = 'backup.json';
export const HOME_FILES = ['identity.json', 'signing-keys.json'] as const;
