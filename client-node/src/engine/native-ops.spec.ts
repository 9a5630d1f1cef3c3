import { describe, it } from 'vitest';
import { engineSettings } from './engine-settings.js';
import { openEngine } from './open-engine.js';
import { describeOps } from './ops.contract.js';

const engine = await openEngine(engineSettings({}, { device: 'cpu' }));
if (engine.ops.name === 'native') {
  describeOps('native ops', () => Promise.resolve(engine.ops));
} else {
  describe('native ops', () => {
    it.skip(`skipped: no native engine here (${engine.refusal ?? ''})`, () => undefined);
  });
}
