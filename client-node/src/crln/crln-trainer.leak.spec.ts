import { initialModel, ModelSettings, Random, TrainingSettings } from '@consilium/shared';
import { expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { CrlnTrainer } from './crln-trainer.js';
import type { PatchShape } from './patches.js';

const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
/** Activations of one step take about 20 MB: keeping those of a few steps would show. */
const model = ModelSettings.parse({ width: 8, prototypes: 2, patch: [16, 16, 16] });
const training = TrainingSettings.parse({ cpsAnchors: 8, cpsNegatives: 8 });
const SHAPE: PatchShape = [2, 16, 16, 16];
const SETTLING_STEPS = 8;
const STEPS = 20;

it.skipIf(ops.name !== 'native')('training keeps neither tensors nor memory', () => {
  const random = Random.from(1, 'leak');
  const label = Int32Array.from({ length: 2 * 16 ** 3 }, (_, i) => Number(i % 16 < 6));
  const image = Float32Array.from(label, (c) => c + 0.3 * random.normal());
  const batch = { labelled: { image, label, shape: SHAPE }, unlabelled: { image, shape: SHAPE } };
  const trainer = CrlnTrainer.create({ ops, model, training, totalSteps: STEPS, random }, initialModel(model, 3));
  const tensors = ops.tensorCount();
  let settled = 0;
  for (let step = 0; step < STEPS; step++) {
    trainer.step(batch, step);
    expect(ops.tensorCount()).toBe(tensors);
    if (step + 1 === SETTLING_STEPS) settled = process.memoryUsage.rss();
  }
  expect(process.memoryUsage.rss() - settled).toBeLessThan(64e6);
  trainer.dispose();
});
