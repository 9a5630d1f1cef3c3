import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodeContainer, initialModel, ModelSettings, Random } from '@consilium/shared';
import { decodeTransfer, encodeTransfer, needsBase, type ByteSource, type Coding } from '@consilium/shared/transfer';
import { Command } from 'commander';
import { thisMachine, type BenchReport } from './report.js';

const CODINGS: Coding[] = ['float16', 'delta', 'delta16'];

/**
 * What each encoding saves on the wire and costs in processor time. `--base` and `--update` name containers of a real
 * round; without them the published V-Net is changed by steps of 1 % of each tensor's spread, which training of a hundred
 * steps comes near to.
 */
export async function run(args: string[]): Promise<BenchReport> {
  const given = new Command('encodings')
    .option('--base <file>', 'a model; default: drawn weights')
    .option('--update <file>', 'the same model trained; default: small changes to drawn weights')
    .parse(args, { from: 'user' })
    .opts<{ base?: string; update?: string }>();
  const base = given.base === undefined ? encodeContainer(model(0)) : readFileSync(given.base);
  const update = given.update === undefined ? encodeContainer(model(0.01)) : readFileSync(given.update);
  const rows: BenchReport['rows'] = [];
  for (const coding of CODINGS) rows.push(await measure(coding, update, base));
  const ratios = Object.fromEntries(
    rows.map((row) => [`wire_over_float32_${row['encoding']}`, Number(row['of float32'])]),
  );
  return { machine: thisMachine(), rows, ratios };
}

async function measure(coding: Coding, update: Uint8Array, base: Uint8Array): Promise<BenchReport['rows'][number]> {
  const before = needsBase(coding) ? source(base) : null;
  const encoded = await timed(async () => Buffer.concat(await all(encodeTransfer(source(update), coding, before))));
  const wire = encoded.result;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < wire.length; start += 1 << 18)
      yield await Promise.resolve(wire.subarray(start, start + (1 << 18)));
  };
  const hash = createHash('sha256');
  const decoded = await timed(async () => {
    for await (const piece of decodeTransfer(pieces(), coding, { base: before, bytes: update.length }))
      hash.update(piece);
  });
  const isExact = hash.digest('hex') === createHash('sha256').update(update).digest('hex');
  const megabytes = update.length / 1e6;
  return {
    encoding: coding,
    'MB float32': megabytes,
    'MB on the wire': wire.length / 1e6,
    'of float32': wire.length / update.length,
    exact: isExact ? 'yes' : 'no',
    'encode MB/s': megabytes / encoded.seconds,
    'decode MB/s': megabytes / decoded.seconds,
  };
}

/** Seconds of processor time: what others do on the machine does not count. */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const start = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(start);
  return { result, seconds: (user + system) / 1e6 };
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return parts;
}

function source(bytes: Uint8Array): ByteSource {
  return {
    bytes: bytes.length,
    read: (position, into) => {
      into.set(bytes.subarray(position, position + into.length));
      return Promise.resolve();
    },
  };
}

/** `step`: of each tensor's largest value. */
function model(step: number): ReturnType<typeof initialModel> {
  const tensors = initialModel(ModelSettings.parse({}), 0);
  const random = Random.from(1);
  for (const { data } of tensors.values()) {
    let largest = 0;
    for (const value of data) largest = Math.max(largest, Math.abs(Number(value)));
    for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) + step * largest * random.normal();
  }
  return tensors;
}
