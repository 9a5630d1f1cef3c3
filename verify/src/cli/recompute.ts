import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  aggregate,
  ContainerError,
  ContainerSource,
  layOutAggregate,
  modelTensors,
  roundSeed,
  valueRanges,
  type ContainerLayout,
  type Digest,
} from '@consilium/shared';
import type { Findings } from '../findings.js';
import type { CommittedRound } from '../round-record.js';

const PIECE = 1 << 20;

/**
 * Makes the model of a committed round once more, from the blobs that the log names, by the arithmetic in `shared` and none of
 * the server's code. `folder`: blobs by their digests, flat or as a server's home has them. True where the model is the logged one.
 */
export function recompute(round: CommittedRound, folder: string, findings: Findings): boolean {
  const { index, number, base, optimiserBefore, updates, result, optimiserAfter } = round;
  const inputs = [base, ...(optimiserBefore === null ? [] : [optimiserBefore]), ...updates.map(({ blob }) => blob)];
  const missing = [...new Set(inputs)].filter((digest) => !isIntact(folder, digest));
  const what = `Entry ${index}: round ${number}`;
  if (missing.length > 0) {
    findings.missing(
      index,
      `${what}: expected every blob that it was made from, got none or another for ${missing.join(', ')}.`,
    );
    return false;
  }
  const made = make(round, folder);
  if (typeof made === 'string') {
    findings.wrong(index, `${what}: expected models of the study's network, got ${made}.`);
    return false;
  }
  if (made.model !== result.digest)
    findings.wrong(index, `${what}: expected its updates to give the model ${result.digest}, got ${made.model}.`);
  if (made.optimiser !== optimiserAfter) {
    const [logged, got] = [optimiserAfter, made.optimiser].map((digest) => digest ?? 'nothing');
    findings.wrong(index, `${what}: expected its optimiser to keep ${logged}, got ${got}.`);
  }
  return made.model === result.digest && made.optimiser === optimiserAfter;
}

/** Digests of what comes of the updates; a sentence's end where they cannot be aggregated at all. */
function make(round: CommittedRound, folder: string): { model: Digest; optimiser: Digest | null } | string {
  const { manifest, studyDigest, number, base, optimiserBefore, updates } = round;
  const layout = layOutAggregate(
    modelTensors(manifest.model).map(({ name, shape, kind }) => ({ name, shape, kind })),
    manifest.aggregation,
  );
  const files: BlobFile[] = [];
  const open = (digest: Digest): ContainerSource => {
    const file = new BlobFile(placeOf(folder, digest)!);
    files.push(file);
    return file.source();
  };
  try {
    const model = new ContainerHash(layout.model);
    const optimiser = layout.optimiser && new ContainerHash(layout.optimiser);
    const before = open(base);
    aggregate({
      base: before,
      updates: updates.map(({ blob, weight }) => ({ source: open(blob), weight })),
      tensors: layout.tensors,
      ranges: valueRanges(before, layout.tensors),
      settings: manifest.aggregation,
      seed: roundSeed(studyDigest, number),
      state: optimiserBefore === null ? null : open(optimiserBefore),
      write: (values) => model.write(values),
      writeState: (values) => optimiser?.write(values),
    });
    return { model: model.digest(), optimiser: optimiser?.digest() ?? null };
  } catch (error) {
    // What the log commits may never have been fit to be a model.
    if (error instanceof ContainerError || error instanceof RangeError) return error.message;
    throw error;
  } finally {
    for (const file of files) file.close();
  }
}

/** Of a container that is never written: its header, then values as they come. */
class ContainerHash {
  readonly #hash = createHash('sha256');

  constructor({ headerBytes }: ContainerLayout) {
    this.#hash.update(headerBytes);
  }

  write({ buffer, byteOffset, byteLength }: Float32Array): void {
    this.#hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }

  digest(): Digest {
    return this.#hash.digest('hex');
  }
}

class BlobFile {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  source(): ContainerSource {
    return new ContainerSource((into, position) => this.#fill(into, position), this.size);
  }

  get size(): number {
    return fstatSync(this.#file).size;
  }

  digest(): Digest {
    const hash = createHash('sha256');
    const piece = new Uint8Array(PIECE);
    for (let position = 0; position < this.size; position += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, this.size - position));
      this.#fill(part, position);
      hash.update(part);
    }
    return hash.digest('hex');
  }

  close(): void {
    closeSync(this.#file);
  }

  #fill(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length;) {
      const got = readSync(this.#file, into, done, into.length - done, position + done);
      if (got === 0) throw new RangeError(`a file that ends at ${position + done}`);
      done += got;
    }
  }
}

function placeOf(folder: string, digest: Digest): string | undefined {
  return [join(folder, digest), join(folder, digest.slice(0, 2), digest)].find((path) => existsSync(path));
}

function isIntact(folder: string, digest: Digest): boolean {
  const path = placeOf(folder, digest);
  if (path === undefined) return false;
  const file = new BlobFile(path);
  try {
    return file.digest() === digest;
  } finally {
    file.close();
  }
}
