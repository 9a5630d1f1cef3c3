import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { verifyCommand } from '@consilium/verify/command';
import type { Command } from 'commander';
import type { Surroundings } from './commands.js';
import { CommandFailure, systemCode } from './exit-codes.js';

export function addAuditCommands(program: Command, { client, console, signal }: Surroundings): void {
  const audit = program.command('audit').description("the server's transparency log");
  audit
    .command('export')
    .description('write the whole log to a file, for whoever verifies it; needs the role auditor')
    .requiredOption('--out <file>', 'a file that does not exist yet')
    .option('--fhir', 'as a FHIR R4 bundle of AuditEvents')
    .action(async ({ out, fhir }: { out: string; fhir?: boolean }) => {
      const log = await (await client()).open(fhir === true ? '/log/export.fhir' : '/log/export');
      await writeNew(out, Readable.fromWeb(log), signal);
      console.line(`The log was written to ${out}`);
    });
  audit.addCommand(verifyCommand('verify').copyInheritedSettings(audit));
}

async function writeNew(file: string, content: Readable, signal: AbortSignal): Promise<void> {
  const sink = createWriteStream(file, { flags: 'wx' });
  try {
    await pipeline(content, sink, { signal });
  } catch (error) {
    if (systemCode(error) === 'EEXIST')
      throw new CommandFailure('usage', `${file}: expected a file that does not exist yet`, { cause: error });
    await rm(file, { force: true });
    throw error;
  }
}
