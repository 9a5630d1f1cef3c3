import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AggregationSettings,
  decodeContainer,
  digestOfBytes,
  encodeContainer,
  float32Tensor,
  initialModel,
  ModelSettings,
  modelTensors,
  type NamedTensors,
  type RuleSettings,
} from '@consilium/shared';
import { AggregationService } from './aggregation.service.js';

const settings = ModelSettings.parse({ width: 2, prototypes: 2, patch: [16, 16, 16] });
const tensors = modelTensors(settings).map(({ name, shape, kind }) => ({ name, shape, kind }));

describe('aggregation in its thread', () => {
  let folder: string;
  let service: AggregationService;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'aggregation-'));
    service = new AggregationService();
  });
  afterEach(async () => {
    await service.onApplicationShutdown();
    rmSync(folder, { recursive: true });
  });

  const save = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const base = () => {
    const bytes = encodeContainer(initialModel(settings, 0));
    return { path: save('base', bytes), digest: digestOfBytes(bytes) };
  };
  const update = (name: string, change: (model: NamedTensors) => void = () => undefined) => {
    const model = initialModel(settings, name.length);
    change(model);
    return save(name, encodeContainer(model));
  };

  const aggregation = (rule: RuleSettings = { name: 'fedavg' }) => ({
    base: base(),
    tensors,
    settings: AggregationSettings.parse({ rule }),
    seed: 'round',
    optimiser: null,
    optimiserOutput: join(folder, 'optimiser'),
  });

  it('writes the container that the shared arithmetic gives, whatever the order', async () => {
    const paths = ['a', 'bb', 'ccc'].map((name) => update(name));
    const job = aggregation();
    const updates = paths.map((path, i) => ({ path, weight: 1000 * (i + 1) }));
    const first = await service.aggregate({ ...job, updates, output: join(folder, 'first') });
    const other = await service.aggregate({ ...job, updates: updates.toReversed(), output: join(folder, 'other') });
    expect(other).toEqual(first);

    const bytes = readFileSync(join(folder, 'first'));
    expect(first).toEqual({ digest: digestOfBytes(bytes), bytes: bytes.length, optimiser: null });
    const model = decodeContainer(bytes).tensors;
    expect(encodeContainer(model)).toEqual(new Uint8Array(bytes));
    const models = paths.map((path) => decodeContainer(readFileSync(path)).tensors);
    const [x, y, z] = models.map((each) => Number(each.get('upsample.weight')!.data[3]));
    expect(model.get('upsample.weight')!.data[3]).toBeCloseTo((x + 2 * y + 3 * z) / 6, 6);
  });

  it("writes what the server's optimiser keeps, and goes on from it", async () => {
    const updates = ['a', 'bb'].map((name) => ({ path: update(name), weight: 1000 }));
    const job = aggregation({ name: 'fedyogi', rate: 0.01, firstDecay: 0.9, secondDecay: 0.99, adaptivity: 1e-3 });
    const first = await service.aggregate({ ...job, updates, output: join(folder, 'first') });
    const kept = readFileSync(job.optimiserOutput);
    expect(first.optimiser).toEqual({ digest: digestOfBytes(kept), bytes: kept.length });
    const { tensors: state } = decodeContainer(kept);
    expect(state.get('upsample.weight')!.shape).toEqual([2, 2, 2, 2, 2, 2]);
    expect(state.has('vnet.encoder.0.0.norm.running_mean')).toBe(false);

    const next = { ...job, updates, optimiser: save('kept', kept), optimiserOutput: join(folder, 'optimiser-2') };
    const second = await service.aggregate({ ...next, output: join(folder, 'second') });
    expect(second.digest).not.toBe(first.digest);
    const again = { ...next, optimiserOutput: join(folder, 'optimiser-3'), output: join(folder, 'third') };
    expect(await service.aggregate(again)).toEqual(second);
  });

  it('admits a model of the study', async () => {
    const change = await service.check({ base: base(), tensors, update: update('good'), maximumNorm: 100 });
    expect('norm' in change && change.norm).toBeGreaterThan(0);
  });

  it('A14 refuses what is no model of the study, with the reason, and works on', async () => {
    const job = { base: base(), tensors, maximumNorm: 100 };
    const refusal = async (path: string) => {
      const answer = await service.check({ ...job, update: path });
      return 'reason' in answer ? answer.reason : null;
    };
    const whole = readFileSync(update('whole'));
    expect(await refusal(save('truncated', whole.subarray(0, -1)))).toBe('malformed-container');
    expect(await refusal(save('empty', new Uint8Array()))).toBe('malformed-container');
    const huge = Buffer.from(whole);
    huge.writeBigUInt64LE(10_000_000_000n);
    expect(await refusal(save('huge', huge))).toBe('malformed-container');
    expect(await refusal(update('missing', (model) => model.delete('mu')))).toBe('tensor-missing');
    expect(await refusal(update('extra', (model) => model.set('x', float32Tensor([1]))))).toBe('tensor-unexpected');
    expect(await refusal(update('shape', (model) => model.set('mu', float32Tensor([1, 1]))))).toBe('wrong-shape');
    const half = { shape: [1], dtype: 'float16' as const, data: new Uint16Array(1) };
    expect(await refusal(update('dtype', (model) => model.set('mu', half)))).toBe('wrong-dtype');
    const scalar = (value: number) => (model: NamedTensors) =>
      model.set('mu', float32Tensor([1], Float32Array.of(value)));
    expect(await refusal(update('nan', scalar(NaN)))).toBe('not-finite');
    expect(await refusal(update('large', scalar(1e12)))).toBe('out-of-bounds');
    job.maximumNorm = 1e-6;
    expect(await refusal(update('long'))).toBe('norm-too-large');
    job.maximumNorm = 100;
    const negative = float32Tensor([2], Float32Array.of(-1, 0));
    expect(await refusal(update('support', (model) => model.set('prior.class_support', negative)))).toBe(
      'out-of-bounds',
    );
    expect(await refusal(update('good'))).toBeNull();
  });

  it('leaves nothing behind where an update cannot be read, and says so', async () => {
    const output = join(folder, 'output');
    const updates = [{ path: join(folder, 'gone'), weight: 1 }];
    const failed = service.aggregate({ ...aggregation(), updates, output });
    await expect(failed).rejects.toMatchObject({ code: 'ENOENT' });
    expect(() => readFileSync(output)).toThrow('ENOENT');
  });

  it('answers every job that it was given at once, and rejects those that a shutdown cuts off', async () => {
    const job = { base: base(), tensors, update: update('good'), maximumNorm: 100 };
    const change = await service.check(job);
    expect(await Promise.all(Array.from({ length: 5 }, () => service.check(job)))).toEqual(Array(5).fill(change));
    const cut = service.check(job);
    const rejected = expect(cut).rejects.toThrow('before its job');
    await service.onApplicationShutdown();
    await rejected;
  });
});
