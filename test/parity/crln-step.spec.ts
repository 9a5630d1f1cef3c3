import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { engineSettings } from '../../client-node/src/engine/engine-settings.js';
import { openEngine } from '../../client-node/src/engine/open-engine.js';
import { ReferenceFile } from './reference-file.js';
import { itMatches } from './step-parity.js';

const golden = fileURLToPath(new URL('../../../shared/golden/crln-step.safetensors', import.meta.url));
const engine = await openEngine(engineSettings({}, { device: 'cpu' }));

describe(`V-Net CRLN against the golden step (PyTorch, ${engine.ops.name} ops)`, () => {
  if (existsSync(golden)) itMatches(new ReferenceFile(golden), () => Promise.resolve(engine.ops));
  else it.skip('skipped: shared/golden is not beside this checkout', () => undefined);
});
