import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlSocket, RequestRefused, silentLog, type PreparedUpload } from '@consilium/client-node';
import {
  decodeContainer,
  encodeContainer,
  float32Tensor,
  layOutContainer,
  OperatorClient,
  PROTOCOL_VERSION,
  Random,
  RoundView,
  type Assignment,
  type NamedTensors,
  digestOfBytes,
} from '@consilium/shared';
import { LinkedSite } from '../support/linked-site.js';
import { peakMemory } from '../support/peak-memory.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

const SITES = 5;
const STUDY = {
  name: 'admission',
  model: { width: 2, prototypes: 2, patch: [16, 16, 16] as [number, number, number] },
  rounds: { count: 3, localSteps: 5, minimumSites: SITES, quorum: 4, deadlineSeconds: 600 },
};

let home: string;
let server: ServerProcess;
let operator: OperatorClient;
let studyId: string;
const sites: LinkedSite[] = [];
const sockets: ControlSocket[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'consilium-admission-'));
  server = await ServerProcess.start(home);
  operator = await OperatorClient.logIn(server.url, OPERATOR);
  for (let i = 0; i < SITES; i++) {
    const site = await operator.admit(`site-${i}`, (code) => LinkedSite.enrol(server.url, code));
    sites.push(site);
    const data = { labelled: 2, unlabelled: 0, validation: 0 };
    await new Promise<void>((resolve, reject) => {
      const socket = new ControlSocket({
        route: site.route,
        proofs: site.proofs,
        hello: () => ({ protocolVersion: PROTOCOL_VERSION, software: 'test 0', engine: 'none', data }),
        log: silentLog,
        onWake: resolve,
        onRefused: (sentence) => reject(new Error(sentence)),
      });
      sockets.push(socket);
      socket.open();
    });
  }
  const study = await operator.createStudy(STUDY);
  studyId = study.id;
  for (const site of sites) await site.consent(study.digest);
  await operator.setStudy(studyId, 'start');
});
afterAll(async () => {
  for (const socket of sockets) socket.close();
  for (const site of sites) site.close();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

async function inRound(number: number, site = sites[0]): Promise<Assignment> {
  let found: Assignment | undefined;
  await expect
    .poll(
      async () => {
        found = await site.rest.assignment();
        return found.round?.number;
      },
      { timeout: 30_000 },
    )
    .toBe(number);
  return found!;
}

async function baseModel(assignment: Assignment, site = sites[0]): Promise<NamedTensors> {
  const path = await site.blobs().fetch(assignment.round!.base);
  return decodeContainer(new Uint8Array(readFileSync(path))).tensors;
}

/** The base with a change that all sites share, and a little of this site's own. */
function trained(base: NamedTensors, site: number, factor = 1): NamedTensors {
  const [common, own] = [Random.from(1), Random.from(100 + site)];
  for (const [name, { data }] of base) {
    if (name.startsWith('prior.') || name.includes('running_')) continue;
    for (let i = 0; i < data.length; i++)
      data[i] = Number(data[i]) + factor * 1e-3 * (common.normal() + 0.5 * own.normal());
  }
  return base;
}

async function contribute(number: number, index: number, factor = 1): Promise<string> {
  const site = sites[index];
  const assignment = await inRound(number, site);
  const update = encodeContainer(trained(await baseModel(assignment, site), index, factor));
  const answer = await site.submit(await site.manifest(assignment, await site.upload(update)));
  if (!answer.accepted) throw new Error(answer.refusal.sentence);
  return answer.updateId;
}

const roundOf = async (number: number): Promise<RoundView> =>
  (await operator.rounds(studyId)).find((round) => round.number === number)!;

describe('A14 an update', () => {
  /** Byte-level changes of a right container, by the reason that they are refused for. */
  const bytes: [string, string, (whole: Buffer) => Uint8Array][] = [
    ['a header that claims 10 GB', 'malformed-container', (whole) => (whole.writeBigUInt64LE(10_000_000_000n), whole)],
    ['a cut end', 'malformed-container', (whole) => whole.subarray(0, -1)],
    ['a tensor twice', 'malformed-container', (whole) => repeated(whole)],
    ['no container at all', 'malformed-container', () => Buffer.alloc(1000, 7)],
  ];
  const tensors: [string, string, (model: NamedTensors) => void][] = [
    ['a missing tensor', 'tensor-missing', (model) => model.delete('mu')],
    ['a tensor too many', 'tensor-unexpected', (model) => model.set('volume', float32Tensor([8, 8]))],
    [
      'another dtype',
      'wrong-dtype',
      (model) => model.set('mu', { shape: [1], dtype: 'float64', data: new Float64Array(1) }),
    ],
    ['another shape', 'wrong-shape', (model) => model.set('mu', float32Tensor([4]))],
    ['NaN', 'not-finite', spoilt(NaN)],
    ['an infinite value', 'not-finite', spoilt(-Infinity)],
    ['an absurd value', 'out-of-bounds', spoilt(1e12)],
    ['a change far too long', 'norm-too-large', (model) => scaled(model, 1000)],
  ];
  const manifests: [string, string, Record<string, unknown>][] = [
    ['a negative count', 'counts-beyond-enrolled', { labelled: -1 }],
    ['a count that is no number', 'counts-beyond-enrolled', { labelled: Number.NaN }],
    ['1e12 volumes', 'counts-beyond-enrolled', { labelled: 1e12 }],
    ['more volumes than were enrolled', 'counts-beyond-enrolled', { unlabelled: 1 }],
    ['another base', 'wrong-base', { base: 'a'.repeat(64) }],
    ['other settings', 'wrong-study', { studyDigest: 'b'.repeat(64) }],
    ['a round that is none', 'wrong-round', { roundId: crypto.randomUUID() }],
    ['a blob that never came', 'unknown-blob', { blob: { digest: 'c'.repeat(64), bytes: 10 } }],
  ];

  it('that is wrong is refused with the reason; the model stays, and so does the memory', async () => {
    const [site] = sites;
    const assignment = await inRound(1);
    const base = encodeContainer(await baseModel(assignment));
    const memory = await peakMemory(server.pid);
    const refusedFor = async (content: Uint8Array, changes: Record<string, unknown> = {}) => {
      const answer = await site.submit(await site.manifest(assignment, await site.upload(content), changes));
      return answer.accepted ? 'accepted' : answer.refusal.reason;
    };
    for (const [what, reason, change] of bytes)
      expect([what, await refusedFor(change(Buffer.from(base)))]).toEqual([what, reason]);
    for (const [what, reason, change] of tensors) {
      const model = decodeContainer(Uint8Array.from(base)).tensors;
      change(model);
      expect([what, await refusedFor(encodeContainer(model))]).toEqual([what, reason]);
    }
    for (const [what, reason, changes] of manifests)
      expect([what, await refusedFor(base, changes)]).toEqual([what, reason]);
    const contribution = (await roundOf(1)).contributions.find(({ siteId }) => siteId === site.id)!;
    expect(contribution.state).toBe('refused');
    expect(contribution.refusal?.sentence).toMatch(/expected/);
    expect((await site.rest.assignment()).model).toEqual(assignment.model);
    // Windows' Linux lacks the figure; elsewhere nothing near the claimed sizes was ever taken.
    if (memory !== null) expect((await peakMemory(server.pid))! - memory).toBeLessThan(120e6);
  });

  it('whose bytes are not those it promised, or unpack to more than it says, is stopped at the door', async () => {
    const [site] = sites;
    const lie = site.upload(Buffer.alloc(1000, 1), 'd'.repeat(64));
    await expect(lie).rejects.toMatchObject({ code: 'digest-mismatch' });
    const { headerBytes } = layOutContainer([{ name: 'x', dtype: 'float32', shape: [10] }]);
    const bomb = brotliCompressSync(Buffer.alloc(100 << 20), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
    const file = join(site.folder, 'bomb');
    writeFileSync(file, Buffer.concat([headerBytes, bomb]));
    const { model } = await site.rest.assignment();
    const prepared = (claimed: number, encoding: PreparedUpload['encoding']): PreparedUpload => ({
      file,
      wireBytes: headerBytes.length + bomb.length,
      encoding,
      base: model!.blob.digest,
      blob: { digest: digestOfBytes(bomb), bytes: claimed },
    });
    await expect(site.send(prepared(10_000_000_000, 'delta'))).rejects.toMatchObject({ code: 'too-large' });
    await expect(site.send(prepared(headerBytes.length + 40, 'delta'))).rejects.toThrow(RequestRefused);
    await expect(site.send(prepared(headerBytes.length + 40, 'delta16'))).rejects.toThrow(/expected an encoding of/);
  });
});

describe('an update that stands out', () => {
  it('waits for a person, who releases it', { timeout: 90_000 }, async () => {
    // The first site has been refused above: with this one's update everybody would have answered.
    for (let i = 1; i < SITES - 1; i++) await contribute(1, i);
    const updateId = await contribute(1, SITES - 1, 60);
    const round = await roundOf(1);
    const contribution = round.contributions.find((each) => each.updateId === updateId)!;
    expect([round.state, contribution.state, contribution.quarantine?.reason]).toEqual([
      'collecting',
      'quarantined',
      'norm',
    ]);
    expect(contribution.weight).toBeNull();
    await operator.post(`/updates/${updateId}/release`, RoundView);
    await operator.post(`/updates/${updateId}/release`, RoundView);
    await expect.poll(async () => (await roundOf(1)).state, { timeout: 20_000 }).toBe('committed');
    expect((await roundOf(1)).contributions.filter(({ state }) => state === 'accepted')).toHaveLength(SITES - 1);
  });

  it('or refuses it: then the model is that of the others', { timeout: 90_000 }, async () => {
    const updateId = await contribute(2, 0, -1);
    for (let i = 1; i < SITES; i++) await contribute(2, i);
    const before = (await roundOf(2)).contributions.find((each) => each.updateId === updateId)!;
    expect([before.state, before.quarantine?.reason]).toEqual(['quarantined', 'direction']);
    await operator.post(`/updates/${updateId}/refuse`, RoundView);
    await expect.poll(async () => (await roundOf(2)).state, { timeout: 20_000 }).toBe('committed');
    const after = (await roundOf(2)).contributions.find((each) => each.updateId === updateId)!;
    expect([after.state, after.refusal?.reason, after.weight]).toEqual(['refused', 'refused-by-person', null]);
    await expect(operator.post(`/updates/${updateId}/release`, RoundView)).rejects.toThrow(/that is refused/);
  });
});

function spoilt(value: number): (model: NamedTensors) => void {
  return (model) => void model.set('mu', float32Tensor([1], Float32Array.of(value)));
}

function scaled(model: NamedTensors, factor: number): void {
  for (const [name, { data }] of model)
    if (!name.startsWith('prior.') && !name.includes('running_'))
      for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) * factor;
}

/** The first tensor's entry a second time in the header, for the same bytes. */
function repeated(whole: Buffer): Uint8Array {
  const length = Number(whole.readBigUInt64LE());
  const json = whole.toString('utf8', 8, 8 + length).trimEnd();
  const entry = /"[^"]+":\{[^}]*\}/.exec(json)![0];
  const text = `{${entry},${json.slice(1)}`;
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, 0x20);
  header.writeBigUInt64LE(BigInt(header.length - 8));
  header.write(text, 8);
  return Buffer.concat([header, whole.subarray(8 + length)]);
}
