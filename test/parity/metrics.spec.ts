import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { segmentationMetrics, type OverlapMetrics } from '../../client-node/src/volumes/metrics.js';
import { asLabelMap, readVolume } from '../../client-node/src/volumes/volume-file.js';
import type { Triple } from '../../client-node/src/volumes/volume.js';

const golden = fileURLToPath(new URL('../../../shared/golden/metrics/', import.meta.url));
const present = existsSync(`${golden}expected.json`);
const expected = present
  ? (JSON.parse(readFileSync(`${golden}expected.json`, 'utf8')) as Record<string, OverlapMetrics & { spacing: Triple }>)
  : {};

describe('metrics against the golden figures (scipy)', () => {
  if (!present) it.skip('all: shared/golden/metrics is not beside this checkout', () => undefined);

  it.each(Object.entries(expected))('%s', async (name, { spacing, ...figures }) => {
    const reference = await readVolume(`${golden}reference.nii.gz`);
    const prediction = await readVolume(`${golden}${name}.nii.gz`);
    const maps = [prediction, reference].map(({ image }) => asLabelMap(image)) as [Uint8Array, Uint8Array];
    const { mean } = segmentationMetrics(...maps, reference.shape, spacing, 2);
    for (const [key, figure] of Object.entries(figures) as [keyof OverlapMetrics, number | null][]) {
      if (figure === null) expect(mean[key], key).toBeNull();
      else expect(Math.abs(mean[key]! - figure), key).toBeLessThan(1e-6);
    }
  });
});
