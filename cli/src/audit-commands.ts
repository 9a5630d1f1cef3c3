import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LogVerifier, NotAnExport, type Verdict } from '@consilium/verify';
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
  audit
    .command('verify')
    .description('verify an exported log without its server: 0 it holds, 3 something is wrong, 4 something is missing')
    .argument('<file>', 'as `consilium audit export` wrote it')
    .option('--json', 'print the verdict as JSON')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const verdict = await verifyFile(file);
      console.answer(json, verdict, verdictText(verdict));
      if (verdict.outcome !== 'verified')
        throw new CommandFailure(verdict.outcome === 'wrong' ? 'differs' : 'missing', verdict.first!.sentence);
    });
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

async function verifyFile(file: string): Promise<Verdict> {
  const verifier = new LogVerifier();
  try {
    for await (const line of linesOf(createReadStream(file))) verifier.push(line);
    return verifier.finish();
  } catch (error) {
    const code = systemCode(error);
    if (code !== undefined) throw new CommandFailure('usage', `${file} cannot be read (${code})`, { cause: error });
    if (error instanceof NotAnExport) throw new CommandFailure('usage', `${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

const NEWLINE = 0x0a;

/** As bytes: what is hashed is what was written. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
      yield text.subarray(0, end);
      text = text.subarray(end + 1);
    }
    rest = text;
  }
  if (rest.length > 0) yield rest;
}

function verdictText({ outcome, origin, size, root, counts, problems }: Verdict): string {
  const checked = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  return [
    `${outcome}: ${origin ?? 'a log without a name'}, ${size} entries, root ${root}`,
    `checked: ${checked.join(', ')}`,
    ...problems.map(({ sentence }) => `- ${sentence}`),
  ].join('\n');
}
