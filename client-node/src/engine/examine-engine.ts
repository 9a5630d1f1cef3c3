import { writeFileSync } from 'node:fs';
import { EngineSettings } from './engine-settings.js';
import type { EngineExamination } from './engine-examination.js';
import { openEngine } from './open-engine.js';
import { checkGradient, measureConvolution } from './self-test.js';

/** A program of its own: opens the engine as a trainer would, tests it, and writes what it found as JSON. */
const settings = EngineSettings.parse(JSON.parse(process.argv[2] ?? '{}'));
const { ops, description, trainable, refusal } = await openEngine(settings);
const native = ops.name === 'native';
const examination: EngineExamination = {
  ...description,
  trainable,
  refusal,
  gradient: checkGradient(ops),
  gigaflops: native ? measureConvolution(ops, 48, 16, 1000) : measureConvolution(ops, 10, 8, 500),
};
// Synchronous: TensorFlow's own exit may cut off what a stream still holds.
writeFileSync(1, `${JSON.stringify(examination)}\n`);
