import { resolve } from 'node:path';
import type { Command } from 'commander';
import { openBlobStore } from '../blobs/open-blob-store.js';
import { openContext } from '../server.js';
import type { Surroundings } from '../settings/surroundings.js';
import { backUp } from './back-up.js';
import type { BackupManifest } from './backup-format.js';
import { restore } from './restore.js';

/** Both need the server to be stopped where the database is the embedded one. */
export function addBackupCommands(root: Command, { place, settings, say }: Surroundings): void {
  place(root.command('backup'))
    .description('write database, keys and blobs to a folder; the keys in it are secret')
    .requiredOption('--out <folder>', 'one that does not exist yet')
    .action(async ({ out, ...flags }: { out: string }) => {
      const context = await openContext(settings(flags));
      try {
        const { settings: inForce, home } = context.process;
        const manifest = await backUp(context.process, openBlobStore(inForce, home, ' backup'), resolve(out));
        say(`${contentOf(manifest)} were written to ${resolve(out)}.`);
      } finally {
        await context.close();
      }
    });
  place(root.command('restore'))
    .description(
      'put a backup into an empty home and an empty database, of either kind, and migrate it to this version',
    )
    .argument('<folder>', 'as backup wrote it')
    .action(async (folder: string, flags: Record<string, unknown>) => {
      const manifest = await restore(settings(flags), resolve(folder));
      say(`${contentOf(manifest)}, as of ${manifest.madeAt}, were restored.`);
    });
}

function contentOf({ tables, blobs }: BackupManifest): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${rows} rows and ${blobs.count} blobs (${(blobs.bytes / 1e6).toFixed(1)} MB)`;
}
