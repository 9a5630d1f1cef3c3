import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  canonicalJson,
  decodeContainer,
  type ModelVersion,
  type OperatorClient,
  type StudyView,
} from '@consilium/shared';
import { exportedModel, type ExportFormat } from '@consilium/shared/formats';
import { CommandFailure, systemCode } from './exit-codes.js';

/** What they are called beside the model. */
const EXPORTED: Record<ExportFormat, string> = { onnx: 'model.onnx', 'saved-model': 'saved-model' };

export interface Download {
  study: StudyView;
  model: ModelVersion;
  /** Comes into being as a whole, or not at all. */
  folder: string;
  /** Of other software that is to run it, too. */
  formats: ReadonlySet<ExportFormat>;
  signal: AbortSignal;
}

/** What a model is used with, and proven by. Throws CommandFailure: differs where the bytes are others than the log names. */
export async function downloadModel(operator: OperatorClient, download: Download): Promise<void> {
  const { study, model, signal } = download;
  const folder = resolve(download.folder);
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  const path = `/studies/${study.id}/models/${model.version}`;
  try {
    await fetchBlob(operator, model, join(unfinished, 'model.safetensors'), signal);
    for (const name of ['card', 'signature'])
      await pipeline(
        Readable.fromWeb(await operator.open(`${path}/${name}`)),
        createWriteStream(join(unfinished, `${name}.json`)),
        { signal },
      );
    for (const format of download.formats) await writeExported(unfinished, format, study, model);
    await writeFile(join(unfinished, 'study.json'), canonicalJson(study.manifest));
    await rename(unfinished, folder).catch((error: unknown) => {
      throw new CommandFailure('usage', `${folder}: expected a folder that does not exist yet (${systemCode(error)})`);
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function writeExported(
  folder: string,
  format: ExportFormat,
  { manifest }: StudyView,
  { blob }: ModelVersion,
): Promise<void> {
  const { tensors } = decodeContainer(await readFile(join(folder, 'model.safetensors')));
  const exported = exportedModel(format, manifest, tensors, blob.digest);
  if ('file' in exported) return writeFile(join(folder, EXPORTED[format]), exported.file);
  await mkdir(join(folder, EXPORTED[format]));
  for (const [name, pieces] of exported.folder) await writeFile(join(folder, EXPORTED[format], name), pieces);
}

async function fetchBlob(operator: OperatorClient, { blob }: ModelVersion, file: string, signal: AbortSignal) {
  const hash = createHash('sha256');
  await pipeline(
    Readable.fromWeb(await operator.open(`/blobs/${blob.digest}`)),
    async function* (pieces: AsyncIterable<Uint8Array>) {
      for await (const piece of pieces) {
        hash.update(piece);
        yield piece;
      }
    },
    createWriteStream(file),
    { signal },
  );
  const digest = hash.digest('hex');
  if (digest !== blob.digest)
    throw new CommandFailure('differs', `the model: expected the digest ${blob.digest}, got ${digest}`);
}
