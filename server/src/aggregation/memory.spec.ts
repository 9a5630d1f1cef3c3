import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { AggregationSettings, layOutContainer } from '@consilium/shared';

const SERVICE = new URL('../../dist/aggregation/aggregation.service.js', import.meta.url).href;
/** A fifth of what A19 allows. Measured rather than enforced: a limit of address space alone stops a worker thread. */
const LIMIT_KIB = 300_000;
const VALUES = 125_000_000;
const settings = AggregationSettings.parse({});
const tensors = [{ name: 'conv.weight', shape: [VALUES], kind: 'weight', dtype: 'float32' as const }];

/** Prints the answer and this process's largest memory, in KiB. */
const program = (job: object) => `
  const { AggregationService } = await import(${JSON.stringify(SERVICE)});
  const service = new AggregationService();
  const { bytes } = await service.aggregate(${JSON.stringify(job)});
  console.log(JSON.stringify({ bytes, peak: process.resourceUsage().maxRSS }));
  await service.onApplicationShutdown();
`;

describe('memory of an aggregation', () => {
  it('A19 folds 10 updates of 500 MB in less than 300 MB', { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aggregation-memory-'));
    try {
      const layout = layOutContainer(tensors);
      const paths = Array.from({ length: 11 }, (_, i) => join(folder, String(i)));
      for (const path of paths) {
        writeFileSync(path, layout.headerBytes);
        // Zeros that take no room on the disk.
        truncateSync(path, layout.totalBytes);
      }
      const [base, ...updates] = paths.map((path) => ({ path, weight: 1000, digest: 'base' }));
      const job = { base, updates, tensors, settings, seed: '', optimiser: null, output: join(folder, 'output') };
      const script = join(folder, 'aggregate.mjs');
      writeFileSync(script, program(job));
      const { stdout } = await promisify(execFile)(process.execPath, [script]);
      const { bytes, peak } = JSON.parse(stdout) as { bytes: number; peak: number };
      expect(bytes).toBe(layout.totalBytes);
      expect(statSync(job.output).size).toBe(layout.totalBytes);
      expect(peak).toBeLessThan(LIMIT_KIB);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
