import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { engineSettings } from '../../client-node/src/engine/engine-settings.js';
import { openEngine } from '../../client-node/src/engine/open-engine.js';
import { openDoubleOps } from '../../client-node/src/engine/double-ops.js';
import { ReferenceFile } from './reference-file.js';
import { DOUBLE, itMatches, SINGLE, SMALL } from './step-parity.js';

const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FILES = [
  {
    title: 'V-Net, two classes, the golden step',
    path: beside('../../../shared/golden/crln-step.safetensors'),
    single: SINGLE,
  },
  { title: 'V-Net, three classes', path: beside('vnet-three-classes.safetensors'), single: SMALL },
  { title: '3D U-Net, two classes', path: beside('unet.safetensors'), single: SMALL },
];

const { ops } = await openEngine(engineSettings({}, { device: 'cpu' }));
const double = openDoubleOps();

describe.each(FILES)("a CRLN step against PyTorch's: $title", ({ path, single }) => {
  if (!existsSync(path)) {
    it.skip(`skipped: ${path} is not there`, () => undefined);
    return;
  }
  const file = new ReferenceFile(path);
  describe('in float64', () => {
    if (double !== null) itMatches(file, double, DOUBLE);
    else it.skip('skipped: no native engine here', () => undefined);
  });
  describe(`in float32 (${ops.name} ops)`, () => {
    itMatches(file, ops, single);
  });
});
