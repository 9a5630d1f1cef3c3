import {
  initialModel,
  ModelSettings,
  modelTensors,
  Random,
  TrainingSettings,
  type NamedTensors,
} from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { CrlnTrainer } from './crln-trainer.js';
import type { CrlnBatch, PatchShape } from './patches.js';
import { pathLength, polyDecay, teacherDecay } from './schedules.js';

const model = ModelSettings.parse({ width: 2, prototypes: 2, classes: 3, patch: [16, 16, 16] });
const training = TrainingSettings.parse({ warmUpSteps: 2, cpsAnchors: 8, cpsNegatives: 8, weakConfidence: 0.1 });
const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
const SHAPE: PatchShape = [2, 16, 16, 16];
const VOXELS = 2 * 16 ** 3;

function create(seed = 1, tensors: NamedTensors = initialModel(model, 5)): CrlnTrainer {
  return CrlnTrainer.create({ ops, model, training, totalSteps: 20, random: Random.from(seed) }, tensors);
}

function batchOf(classOf: (voxel: number) => number): Required<CrlnBatch> {
  const random = Random.from(9, 'batch');
  const label = Int32Array.from({ length: VOXELS }, (_, i) => classOf(i));
  const image = Float32Array.from(label, (c) => 0.3 * c + 0.2 * random.normal());
  return { labelled: { image, label, shape: SHAPE }, unlabelled: { image, shape: SHAPE } };
}

const octants = batchOf((voxel) => (voxel % 16 < 5 ? 1 : voxel % 16 > 11 ? 2 : 0));

describe(`CrlnTrainer (${ops.name} ops)`, () => {
  it('gives the same figures for the same seed, and keeps no tensor', () => {
    const before = ops.tensorCount();
    const run = (seed: number) => {
      const trainer = create(seed);
      const losses = [0, 1, 2, 3].map((step) => {
        const { loss } = trainer.step(octants, step);
        expect(ops.tensorCount()).toBe(before);
        return loss;
      });
      trainer.dispose();
      return losses;
    };
    const losses = run(1);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(run(1)).toEqual(losses);
    expect(run(2)).not.toEqual(losses);
    expect(ops.tensorCount()).toBe(before);
  });

  it('goes on from a saved state as if nothing had happened', () => {
    const [whole, resumed] = [create(), create(77)];
    whole.step(octants, 0);
    const { tensors, counters } = whole.saveState();
    resumed.restoreState({ tensors, counters: JSON.parse(JSON.stringify(counters)) });
    for (const step of [1, 2]) expect(resumed.step(octants, step)).toEqual(whole.step(octants, step));
    expect(resumed.exportModel()).toEqual(whole.exportModel());
    whole.dispose();
    resumed.dispose();
  });

  it('exports a whole model container with the class means that it saw', () => {
    const trainer = create();
    trainer.step(octants, 0);
    const exported = trainer.exportModel();
    expect([...exported.keys()].sort()).toEqual(
      modelTensors(model)
        .map(({ name }) => name)
        .sort(),
    );
    for (const { name, shape } of modelTensors(model)) expect(exported.get(name)!.shape, name).toEqual(shape);
    const support = exported.get('prior.class_support')!.data as Float32Array;
    expect(support.every((voxels) => voxels > 0)).toBe(true);
    const values = (name: string) => [...(exported.get(`prior.${name}`)!.data as Float32Array)];
    expect(values('class_spread').every((variance) => variance > 0)).toBe(true);
    // No prototype can stand for more labelled voxels of its class than the batch has.
    const labelled = [0, 1, 2].map((c) => octants.labelled!.label.filter((label) => label === c).length);
    values('prototype_support').forEach((voxels, p) => {
      expect(voxels).toBeGreaterThan(0);
      expect(voxels).toBeLessThan(labelled[Math.floor(p / 2)]);
    });
    trainer.dispose();
  });

  it('trains without labelled patches, and without unlabelled ones', () => {
    const trainer = create();
    const imitated = trainer.step({ unlabelled: octants.unlabelled }, 0);
    expect(imitated).toMatchObject({ supervised: null, mu: null });
    const withoutLabels = trainer.exportModel();
    expect(withoutLabels.get('prior.prototype_support')!.data).toEqual(new Float32Array(6));
    expect(withoutLabels.get('prototypes')).toEqual(initialModel(model, 5).get('prototypes'));
    expect(Number.isFinite(imitated.loss)).toBe(true);
    const supervised = trainer.step({ labelled: octants.labelled }, 1);
    expect(supervised.unsupervised).toBeNull();
    expect(Number.isFinite(supervised.loss)).toBe(true);
    expect(() => trainer.step({}, 2)).toThrow('expected patches');
    trainer.dispose();
  });

  it('is held near the base by the proximal pull, the more the stronger it is', () => {
    const away = (proximal: number) => {
      const options = { ops, model, training: { ...training, proximal }, totalSteps: 20, random: Random.from(1) };
      const trainer = CrlnTrainer.create({ ...options, dropping: false }, initialModel(model, 5));
      for (const step of [0, 1, 2, 3, 4]) trainer.step({ labelled: octants.labelled }, step);
      const [base, trained] = [initialModel(model, 5), trainer.exportModel()];
      trainer.dispose();
      const names = modelTensors(model).flatMap(({ name, kind }) => (kind === 'weight' ? [name] : []));
      const squares = names.flatMap((name) => {
        const former = base.get(name)!.data as Float32Array;
        return Array.from(trained.get(name)!.data as Float32Array, (value, i) => (value - former[i]) ** 2);
      });
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    };
    const before = ops.tensorCount();
    const [free, held, fixed] = [0, 2, 10].map(away);
    expect(held).toBeLessThan(0.999 * free);
    expect(fixed).toBeLessThan(0.999 * held);
    expect(ops.tensorCount()).toBe(before);
  });

  it('takes a correction of its gradients into the step, of the parameters that it names', () => {
    const name = 'vnet.segment.weight';
    const after = (correction: NamedTensors) => {
      const options = { ops, model, training, totalSteps: 20, random: Random.from(1), dropping: false, correction };
      const trainer = CrlnTrainer.create(options, initialModel(model, 5));
      trainer.step({ labelled: octants.labelled }, 0);
      const tensors = trainer.exportModel();
      trainer.dispose();
      return tensors;
    };
    const before = ops.tensorCount();
    const { shape, data } = initialModel(model, 5).get(name)!;
    const correction = new Float32Array(data.length).fill(0.5);
    const [plain, corrected] = [
      after(new Map()),
      after(new Map([[name, { dtype: 'float32', shape, data: correction }]])),
    ];
    const path = pathLength(training, { first: 0, steps: 1, total: 20 });
    (corrected.get(name)!.data as Float32Array).forEach((value, i) => {
      expect(value).toBeCloseTo((plain.get(name)!.data as Float32Array)[i] - 0.5 * path, 6);
    });
    expect(corrected.get('vnet.segment.bias')).toEqual(plain.get('vnet.segment.bias'));
    expect(ops.tensorCount()).toBe(before);
  });

  it('stays finite where a class has no voxel, with and without a mean of it from other sites', () => {
    const tensors = initialModel(model, 5);
    tensors.set('prior.class_means', { dtype: 'float32', shape: [3, 2], data: Float32Array.of(0, 1, 1, 0, -1, 1) });
    tensors.set('prior.class_spread', { dtype: 'float32', shape: [3, 2], data: new Float32Array(6).fill(0.1) });
    tensors.set('prior.class_support', { dtype: 'float32', shape: [3], data: Float32Array.of(5, 5, 5) });
    for (const start of [initialModel(model, 5), tensors]) {
      const trainer = create(1, start);
      for (const classes of [[0], [0, 1]]) {
        const batch = batchOf((voxel) => classes[voxel % classes.length]);
        const before = ops.tensorCount();
        expect(Number.isFinite(trainer.step(batch, 3).loss)).toBe(true);
        expect(ops.tensorCount()).toBe(before);
      }
      trainer.dispose();
    }
  });
});

describe('schedules', () => {
  it('let the learning rate fall to 0', () => {
    expect([0, 5, 10, 12].map((step) => polyDecay(step, 10, 1))).toEqual([1, 0.5, 0, 0]);
  });

  it('let the teacher start as the student and then follow slowly', () => {
    expect([0, 1, 3, 1000].map((t) => teacherDecay(t, 0.99))).toEqual([0, 0.5, 0.75, 0.99]);
  });
});
