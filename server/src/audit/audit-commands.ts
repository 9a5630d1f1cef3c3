import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { openContext } from '../server.js';
import type { ProcessContext } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import type { Surroundings } from '../settings/surroundings.js';
import { ExitCode, StartRefused, systemCode } from '../settings/start-refused.js';
import { AuditLog, SERVER } from './audit-log.js';
import { Checkpoints } from './checkpoints.js';
import { LogExport } from './log-export.js';
import { LogSigner } from './log-signer.js';
import { LogTree } from './log-tree.js';
import { rotateServerKey } from './open-log.js';

/** Commands on the log and on the key that signs it; on the embedded database only while the server is not running. */
export function addAuditCommands(root: Command, { place, settings, say }: Surroundings): void {
  const audit = root.command('audit').description('the transparency log');
  place(audit.command('export'))
    .description('write the whole log to a file, for consilium-verify')
    .requiredOption('--out <file>', 'a file that does not exist yet')
    .option('--fhir', 'as a FHIR R4 bundle of AuditEvents')
    .action(async ({ out, fhir, ...flags }: { out: string; fhir?: boolean }) => {
      await withContext(settings(flags), async (context) => {
        const log = exportOf(context);
        await log.record(SERVER);
        await writeNew(out, fhir === true ? log.fhir() : log.lines());
      });
      say(`The log was written to ${out}.`);
    });
  place(root.command('keys').description("the key that signs the server's log, receipts and models").command('rotate'))
    .description('make a new key, which the present one endorses; sites follow by themselves')
    .option('--lost', 'without an endorsement, because nobody has the present key: every site has to agree')
    .action(async ({ lost, ...flags }: { lost?: boolean }) => {
      await withContext(settings(flags), async (context) => {
        say(`From now on the server signs with ${await rotateServerKey(context, { lost: lost === true })}.`);
      });
    });
}

async function withContext(settings: Settings, work: (context: ProcessContext) => Promise<void>): Promise<void> {
  const context = await openContext(settings);
  try {
    await work(context.process);
  } finally {
    await context.close();
  }
}

async function writeNew(path: string, pieces: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), createWriteStream(path, { flags: 'wx' }));
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const exitCode = code === 'ENOSPC' ? ExitCode.diskFull : ExitCode.usage;
    throw new StartRefused(exitCode, `The log was not written to ${path}: expected a new file there (${code}).`);
  }
}

function exportOf({ dataSource, home, clock }: ProcessContext): LogExport {
  const signer = new LogSigner(dataSource, home);
  const checkpoints = new Checkpoints(dataSource, new LogTree(dataSource), signer, clock);
  return new LogExport(dataSource, new AuditLog(clock), checkpoints);
}
