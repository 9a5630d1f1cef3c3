import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineSettings } from './engine-settings.js';
import { openEngine } from './open-engine.js';
import { describeBfloat16 } from './ops.contract.bfloat16.js';
import { describeOps } from './ops.contract.js';
import { precisionRefusal } from './precision.js';

const engine = await openEngine(engineSettings({}, { device: 'cpu' }));
const { ops } = engine;
if (ops.name === 'native') {
  describeOps('native ops', () => Promise.resolve(ops));
} else {
  describe('native ops', () => {
    it.skip(`skipped: no native engine here (${engine.refusal ?? ''})`, () => undefined);
  });
}

const refusal = precisionRefusal('bf16', engine);
describe('native ops in bfloat16', () => {
  if (refusal !== null) {
    it.skip(`skipped: ${refusal}`, () => undefined);
    return;
  }
  let before = 0;
  beforeEach(() => {
    before = ops.tensorCount();
  });
  afterEach(() => {
    expect(ops.tensorCount(), 'handles alive after the test').toBe(before);
  });
  describeBfloat16({ ops });
});
