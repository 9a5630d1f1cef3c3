import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeContainer,
  float32Tensor,
  initialModel,
  ModelSettings,
  PROTOCOL_VERSION,
  type HostTensor,
  type NamedTensors,
  type TransferEncoding,
  type UpdateManifest,
} from '@consilium/shared';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SiteKey } from '../agent/identity.js';
import { prepareUpload } from '../agent/transport/prepare-upload.js';
import { nodeHome, type NodeHome } from '../settings/node-settings.js';
import { entriesIn } from './egress-log.fixture.js';
import { EgressLog, type EgressEntry } from './egress-log.js';
import { DEFAULT_POLICY, setPolicy, type EgressPolicy } from './egress-policy.js';
import { Gate } from './gate.js';
import { Consents, decide } from './consents.js';
import { openGate } from './open-gate.js';

const MODEL = ModelSettings.parse({ width: 2, prototypes: 2, patch: [16, 16, 16] });
const METRICS = { loss: 0.5, supervised: 0.4, unsupervised: 0.1, cps: null, secondsPerStep: 0.1 };
const TRAINED = { labelled: 2, unlabelled: 3, steps: 5 };
const SITE = '7a1f36f5-0d6c-4f5a-9d5c-0f9c1a2b3c4d';
const ROUND = '0b6a2f7e-6a55-4c1e-8d3f-1c2d3e4f5a6b';
const STUDY = '9'.repeat(64);

let folder: string;
let home: NodeHome;
let key: SiteKey;
let gate: Gate;
let base: { digest: string; file: string };

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const entries = (): Promise<EgressEntry[]> => entriesIn(home.egressLog);

/** A model that has been trained a little, each tensor's values moved. */
function trained(change: (tensors: NamedTensors) => void = () => undefined): NamedTensors {
  const tensors = initialModel(MODEL, 1);
  for (const { data } of tensors.values()) (data as Float32Array).forEach((value, i, all) => (all[i] = value + 0.001));
  for (const name of ['prior.class_support', 'prior.prototype_support'])
    (tensors.get(name)!.data as Float32Array).fill(1000);
  change(tensors);
  return tensors;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-gate-'));
  const bytes = encodeContainer(initialModel(MODEL, 1));
  base = { digest: sha256(bytes), file: join(folder, 'base') };
  writeFileSync(base.file, bytes);
  key = await SiteKey.create(join(folder, 'site.key'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A home of its own for each test, with the one key. */
beforeEach(async () => {
  home = { ...nodeHome(join(folder, randomUUID())), key: join(folder, 'site.key') };
  gate = await opened();
});

async function opened(change?: (policy: EgressPolicy) => void): Promise<Gate> {
  if (change !== undefined) {
    const policy = structuredClone(DEFAULT_POLICY);
    change(policy);
    await setPolicy(home, key.signer, policy);
  }
  return (await openGate(home, new Consents(home, [STUDY]), () => Date.now())).gate;
}

async function sent(
  bytes: Uint8Array,
  claims: { digest?: string; encoding?: TransferEncoding; trained?: typeof TRAINED } = {},
) {
  const update = join(folder, 'update');
  writeFileSync(update, bytes);
  const upload = await prepareUpload({
    update: { digest: claims.digest ?? sha256(bytes), bytes: bytes.length },
    file: update,
    folder,
    base: base.digest,
    fetchBase: () => Promise.resolve(base.file),
    encoding: claims.encoding ?? 'float32',
  });
  return gate.pass({ kind: 'update', study: STUDY, upload, trained: claims.trained ?? TRAINED, model: MODEL, base });
}

async function isStopped(trying: Promise<unknown>, reason: string): Promise<void> {
  await expect(trying).rejects.toMatchObject({ kind: 'stopped-at-site', objection: { reason } });
  expect((await entries()).at(-1)?.objection?.reason).toBe(reason);
}

const stops = (change: (tensors: NamedTensors) => void, reason: string): Promise<void> =>
  isStopped(sent(encodeContainer(trained(change))), reason);

test.each(['float32', 'float16', 'delta', 'delta16'] as const)(
  'a trained model passes as %s, once, and the log says what it was',
  async (encoding) => {
    const bytes = encodeContainer(trained());
    const permit = await sent(bytes, { encoding });
    const { wire, blob, ...rest } = permit.take();
    expect(rest).toEqual({ encoding, base: encoding.startsWith('delta') ? base.digest : null });
    expect(() => permit.take()).toThrow(/used/);
    expect(await entries()).toMatchObject([
      { what: 'update', digest: sha256(wire), bytes: wire.length, objection: null, facts: { model: blob.digest } },
    ]);
  },
);

test('without a policy of its own a site lets every kind of network go, and figures of validation', async () => {
  const model = ModelSettings.parse({ backbone: 'unet3d', width: 4, classes: 3, prototypes: 3, patch: [32, 16, 16] });
  const bytes = encodeContainer(initialModel(model, 1));
  const file = join(folder, 'unet');
  writeFileSync(file, bytes);
  const blob = { digest: sha256(bytes), bytes: bytes.length };
  const upload = { file, encoding: 'float32' as const, base: null, blob };
  await gate.pass({
    kind: 'update',
    study: STUDY,
    upload,
    trained: TRAINED,
    model,
    base: { digest: blob.digest, file },
  });

  const evaluation = { studyId: ROUND, model: blob.digest, volumes: 1, dice: 0.9, hd95: 3 };
  const report = (changes: object) =>
    gate.pass({ kind: 'request', method: 'POST', path: '/site/evaluations', body: { ...evaluation, ...changes } });
  await report({});
  await report({ hd95: null });
  await isStopped(report({ hd95: 1e9 }), 'metric-out-of-range');
  gate = await opened((policy) => (policy.metrics.minimumVolumes = 5));
  await isStopped(report({}), 'too-few-volumes');
});

test('A16 a volume, a file name, an extra tensor and prototypes per image are stopped', async () => {
  const volume = float32Tensor([64, 64, 64]);
  await stops((tensors) => tensors.set('volume', volume), 'tensor-unexpected');
  await stops((tensors) => tensors.set('patient-0042.nii.gz', float32Tensor([1])), 'tensor-unexpected');
  await stops((tensors) => tensors.set('vnet.encoder.0.0.conv.extra', float32Tensor([1])), 'tensor-unexpected');
  await stops((tensors) => tensors.set('prototypes', float32Tensor([24, 2, 2, 8])), 'wrong-shape');
  await stops((tensors) => tensors.set('prototypes', float32Tensor([24, 2, 8])), 'wrong-shape');
  // A volume in the place of a bias, and a model that brings less.
  await stops((tensors) => tensors.set('vnet.segment.bias', volume), 'wrong-shape');
  await stops((tensors) => tensors.delete('mu'), 'tensor-missing');
  const bytes: HostTensor = { dtype: 'uint8', shape: [1], data: new Uint8Array(1) };
  await stops((tensors) => tensors.set('mu', bytes), 'wrong-dtype');
  const named = encodeContainer(trained(), { source: 'patient-0042.nii.gz' });
  await isStopped(sent(named), 'metadata');
});

test('A16 what rides along with a model is stopped: in its header, behind its values, behind its compressed bytes', async () => {
  const bytes = encodeContainer(trained());
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const padded = new Uint8Array(bytes.length + 8);
  padded.set(bytes.subarray(0, 8 + headerLength));
  padded.fill(0x20, 8 + headerLength, 16 + headerLength);
  padded.set(bytes.subarray(8 + headerLength), 16 + headerLength);
  new DataView(padded.buffer).setBigUint64(0, BigInt(headerLength + 8), true);
  await isStopped(sent(padded), 'not-canonical');
  await isStopped(sent(Buffer.concat([bytes, Buffer.from('patient')])), 'malformed-container');

  writeFileSync(join(folder, 'update'), bytes);
  const upload = await prepareUpload({
    update: { digest: sha256(bytes), bytes: bytes.length },
    file: join(folder, 'update'),
    folder,
    base: base.digest,
    fetchBase: () => Promise.resolve(base.file),
    encoding: 'delta',
  });
  expect(upload.encoding).toBe('delta');
  appendFileSync(upload.file, 'patient');
  await isStopped(
    gate.pass({ kind: 'update', study: STUDY, upload, trained: TRAINED, model: MODEL, base }),
    'not-canonical',
  );
});

test('A16 values that are none, a leap, another digest, thin prototypes and too little training are stopped', async () => {
  const put = (name: string, at: number, value: number) => (tensors: NamedTensors) => {
    (tensors.get(name)!.data as Float32Array)[at] = value;
  };
  await stops(put('vnet.segment.weight', 0, NaN), 'not-finite');
  await stops(put('vnet.segment.weight', 0, 1e6), 'norm-too-large');
  await stops(put('prior.prototype_support', 1, 3), 'too-little-support');
  await stops(put('prior.class_support', 1, 3), 'too-little-support');
  await isStopped(sent(encodeContainer(trained()), { digest: 'f'.repeat(64) }), 'digest-mismatch');
  const whole = encodeContainer(trained());
  for (const [few, reason] of [
    [{ labelled: 1, unlabelled: 0 }, 'too-few-volumes'],
    [{ labelled: 0, unlabelled: 1 }, 'too-few-volumes'],
    [{ steps: 1 }, 'too-few-steps'],
  ] as const)
    await isStopped(sent(whole, { trained: { ...TRAINED, ...few } }), reason);
  gate = await opened((policy) => (policy.update.minimumLabelled = 2));
  await isStopped(sent(whole, { trained: { ...TRAINED, labelled: 1 } }), 'too-few-volumes');
  gate = await opened((policy) => (policy.update.statistics = 'withhold'));
  await stops(() => undefined, 'statistics-withheld');
  gate = await opened((policy) => (policy.update.maximumBytes = 1000));
  await stops(() => undefined, 'too-large');
});

test('A16 a long text among metrics, words for a version, and metrics without a name are stopped', async () => {
  const progress = (metrics: object) => ({
    kind: 'message' as const,
    event: 'progress',
    body: { roundId: ROUND, phase: 'training', done: 1, total: 2, metrics },
  });
  await gate.pass(progress(METRICS));
  await isStopped(gate.pass(progress({ ...METRICS, loss: 'x'.repeat(10_000) })), 'unknown-content');
  await isStopped(gate.pass(progress({ ...METRICS, patient: 42 })), 'unknown-content');
  await isStopped(gate.pass(progress({ ...METRICS, loss: 20260131 })), 'metric-out-of-range');
  gate = await opened((policy) => delete policy.metrics.training.supervised);
  await isStopped(gate.pass(progress(METRICS)), 'metric-unnamed');
  await gate.pass(progress({ ...METRICS, supervised: null }));

  const hello = (engine: string) => ({
    kind: 'message' as const,
    event: 'hello',
    body: {
      protocolVersion: PROTOCOL_VERSION,
      software: 'consilium-node 0.1.0',
      engine,
      data: { labelled: 2, unlabelled: 1, validation: 0 },
    },
  });
  await gate.pass(hello('@tensorflow/tfjs-node, TensorFlow 2.9.1, CPU'));
  await isStopped(gate.pass(hello('images/patient-0042.nii.gz')), 'text');
});

test('A16 a manifest passes only for a model that has passed, signed by the site, and of enough volumes and steps', async () => {
  const bytes = encodeContainer(trained());
  const manifest: UpdateManifest = {
    studyDigest: STUDY,
    roundId: ROUND,
    siteId: SITE,
    base: base.digest,
    blob: { digest: sha256(bytes), bytes: bytes.length },
    ...TRAINED,
    metrics: METRICS,
    software: 'consilium-node 0.1.0',
  };
  const submit = async (changes: object = {}, signer = key) => {
    const jws = await signer.sign({ ...manifest, ...changes });
    return gate.pass({ kind: 'request', method: 'POST', path: '/site/updates', body: { jws } });
  };
  await isStopped(submit(), 'not-passed-before');
  await sent(bytes);
  expect((await submit()).take()).toMatchObject({ path: '/site/updates' });
  await isStopped(submit({ labelled: 1, unlabelled: 0 }), 'too-few-volumes');
  await isStopped(submit({ labelled: 0, unlabelled: 1 }), 'too-few-volumes');
  await isStopped(submit({ steps: 1 }), 'too-few-steps');
  await isStopped(submit({ studyDigest: 'a'.repeat(64) }), 'no-consent');
  await isStopped(submit({ note: 'patient-0042' }), 'unknown-content');
  await isStopped(submit({}, await SiteKey.create(join(folder, 'other.key'))), 'bad-signature');
});

test('without the consent of the site’s people neither an update nor a word for it leaves', async () => {
  const bytes = encodeContainer(trained());
  const consent = async (changes: object = {}) => {
    const statement = { decision: 'given', studyDigest: STUDY, siteId: SITE, at: '2026-01-01T00:00:00.000Z' };
    const jws = await key.sign({ ...statement, ...changes });
    return gate.pass({ kind: 'request', method: 'POST', path: '/site/consents', body: { jws } });
  };
  expect((await consent()).take()).toMatchObject({ path: '/site/consents' });
  await isStopped(consent({ studyDigest: 'a'.repeat(64) }), 'no-consent');
  await isStopped(consent({ note: 'patient-0042' }), 'unknown-content');
  await sent(bytes);
  await decide(home, STUDY, 'declined', new Date());
  await isStopped(sent(bytes), 'no-consent');
  await isStopped(consent(), 'no-consent');
  await consent({ decision: 'withdrawn' });
});

test('ways that are not the node’s lead nowhere; asking for work is decided on once', async () => {
  const ask = (path: string, body?: object) =>
    gate.pass({ kind: 'request', method: body ? 'POST' : 'GET', path, body });
  for (let i = 0; i < 3; i++) await ask('/site/assignment');
  expect(await entries()).toHaveLength(1);
  await isStopped(ask('/site/assignment?volume=AAAA'), 'unknown-way');
  await isStopped(ask(`/blobs/${'a'.repeat(63)}`), 'unknown-way');
  await isStopped(ask('/site/volumes', {}), 'unknown-way');
  await isStopped(ask('/site/evaluations', { dice: 0.5 }), 'unknown-content');
  await isStopped(gate.pass({ kind: 'request', method: 'POST', path: '/enrol' }), 'unknown-content');
});

test('a policy holds only as the site has signed it, and does not give way to the defaults', async () => {
  gate = await opened((policy) => (policy.update.minimumSteps = 50));
  await gate.pass({ kind: 'request', method: 'GET', path: '/health' });
  const own = JSON.stringify(DEFAULT_POLICY);
  const other = await SiteKey.create(join(folder, 'other.key'));
  writeFileSync(home.egressPolicy, `{"policy":${own},"signature":"AAAA"}`);
  await expect(opened()).rejects.toThrow(/as this site's key has signed it/);
  await setPolicy(home, other.signer, DEFAULT_POLICY);
  await expect(opened()).rejects.toThrow(/as this site's key has signed it/);
  rmSync(home.egressPolicy);
  await expect(opened()).rejects.toThrow(/found none; restore it/);
  await expect(setPolicy(home, key.signer, { ...DEFAULT_POLICY, more: true })).rejects.toThrow(/egress policy/);
});

test('where the decision cannot be written, nothing leaves', async () => {
  writeFileSync(join(folder, 'no-folder'), '');
  const log = new EgressLog(join(folder, 'no-folder', 'egress.log'), () => Date.now());
  const judge = {
    policy: { digest: 'a'.repeat(64), isOwn: false },
    message: () => Promise.resolve({ objection: null, facts: {} }),
    update: () => Promise.reject(new Error('unused')),
  };
  await expect(new Gate(judge, log).pass({ kind: 'request', method: 'GET', path: '/health' })).rejects.toThrow(
    /writing/,
  );
});
