import { initialModel, ModelSettings, Random, TrainingSettings } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { engineSettings } from '../engine/engine-settings.js';
import { openEngine } from '../engine/open-engine.js';
import { precisionRefusal, type Precision } from '../engine/precision.js';
import { drawPhantom, scannerLook } from '../volumes/phantom.js';
import { segmentationMetrics } from '../volumes/metrics.js';
import { CrlnTrainer } from './crln-trainer.js';
import { predictVolume } from './inference.js';

/** Enough for both to have learnt what there is to learn: earlier, they differ by how far they have come. */
const STEPS = 120;
const TRAINED_ON = 64;
const TESTED = 12;
/** One scanner for all: with another for each phantom, two runs that differ in the last bit alone end up to 0.02 apart. */
const LOOK = scannerLook(Random.from(1, 'look'));
const PATCH = [32, 32, 32] as const;
const VOXELS = PATCH[0] * PATCH[1] * PATCH[2];

const engine = await openEngine(engineSettings({}, { device: 'cpu' }));
const model = ModelSettings.parse({ width: 4, prototypes: 4, patch: [...PATCH] });
const training = TrainingSettings.parse({
  learningRate: 0.03,
  emaDecay: 0.9,
  warmUpSteps: 20,
  cpsAnchors: 32,
  cpsNegatives: 32,
  channelDropout: 0,
});

function phantom(index: number) {
  return drawPhantom(PATCH, 2, LOOK, Random.from(index, 'phantom'));
}

/** Two of the phantoms that there are to train on. */
function patchesAt(step: number) {
  const chosen = [0, 1].map((i) => phantom(100 + ((2 * step + i) % TRAINED_ON)));
  const image = new Float32Array(2 * VOXELS);
  const label = new Int32Array(2 * VOXELS);
  chosen.forEach((one, i) => {
    image.set(one.image, i * VOXELS);
    label.set(one.label, i * VOXELS);
  });
  return { image, label, shape: [2, ...PATCH] as [number, number, number, number] };
}

/** Mean Dice of the teacher on phantoms that were not trained on. */
async function diceAfterTraining(precision: Precision): Promise<number> {
  const { ops } = engine;
  const trainer = CrlnTrainer.create(
    { ops, model, training, totalSteps: STEPS, random: Random.from(2), precision },
    initialModel(model, 1),
  );
  for (let step = 0; step < STEPS; step++) {
    const unlabelled = patchesAt(step + 3);
    trainer.step({ labelled: patchesAt(step), unlabelled }, step);
  }
  let total = 0;
  for (let i = 0; i < TESTED; i++) {
    const { image, label, shape } = phantom(i);
    const predicted = await predictVolume(trainer.teacher, image, shape);
    total += segmentationMetrics(predicted, label, shape, [1, 1, 1], 2).mean.dice;
  }
  trainer.dispose();
  return total / TESTED;
}

describe('mixed precision', () => {
  it.skipIf(precisionRefusal('bf16', engine) !== null)(
    'reaches the Dice of float32 on phantoms, within 0.01',
    async () => {
      const single = await diceAfterTraining('float32');
      const mixed = await diceAfterTraining('bf16');
      expect(single, 'float32').toBeGreaterThan(0.9);
      expect(Math.abs(mixed - single), `float32 ${single}, bf16 ${mixed}`).toBeLessThan(0.01);
    },
    400_000,
  );
});
