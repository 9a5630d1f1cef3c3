import { createReadStream, statSync } from 'node:fs';
import { LogVerifier, NotAnExport, type Verdict } from '../log-verifier.js';
import { BadInput, systemCode } from './bad-input.js';
import { sha256, verifySignature } from './native-crypto.js';
import { recompute } from './recompute.js';
import { readSiteEvidence } from './site-evidence.js';

export interface VerifyRequest {
  /** A log as it was exported. */
  log: string;
  /** Homes of sites' nodes, or their witness.json; the first says which server key is trusted. */
  sites: readonly string[];
  /** Folder of blobs: with it every committed model is made once more. */
  blobs: string | undefined;
}

export interface FilesVerdict extends Verdict {
  /** Rounds whose model was made once more and is the logged one; null without blobs. */
  recomputed: number | null;
}

/** Throws BadInput where there is nothing to verify. */
export async function verifyFiles({ log, sites, blobs }: VerifyRequest): Promise<FilesVerdict> {
  if (blobs !== undefined && !(statSync(blobs, { throwIfNoEntry: false })?.isDirectory() ?? false))
    throw new BadInput(`${blobs}: expected a folder of blobs, found none`);
  const evidence = sites.map((path) => readSiteEvidence(path));
  const verifier = new LogVerifier({
    serverKey: evidence.at(0)?.serverKey ?? null,
    checkpoints: evidence.flatMap(({ checkpoints }) => checkpoints),
    receipts: evidence.flatMap(({ receipts }) => receipts),
    sha256,
    verifySignature,
  });
  try {
    for await (const line of linesOf(createReadStream(log, { highWaterMark: 1 << 20 }))) verifier.push(line);
    verifier.finish();
  } catch (error) {
    const code = systemCode(error);
    if (code !== undefined) throw new BadInput(`${log} cannot be read (${code})`, { cause: error });
    if (error instanceof NotAnExport) throw new BadInput(`${log}: ${error.message}`, { cause: error });
    throw error;
  }
  const made =
    blobs === undefined ? null : verifier.rounds.filter((round) => recompute(round, blobs, verifier.findings));
  return { ...verifier.verdict(), recomputed: made?.length ?? null };
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
