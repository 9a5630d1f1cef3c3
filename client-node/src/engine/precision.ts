import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Engine } from './open-engine.js';

/** Of activations and convolutions; weights, moments, losses and the optimiser are float32 in both. */
export const Precision = z.enum(['float32', 'bf16']);
export type Precision = z.infer<typeof Precision>;

/** Why an engine does not train in a precision, in a sentence; null where it does. */
export function precisionRefusal(
  precision: Precision,
  { ops, description }: Pick<Engine, 'ops' | 'description'>,
  processor: ReadonlySet<string> = processorFeatures(),
): string | null {
  if (precision === 'float32') return null;
  if (ops.name !== 'native') {
    return `Precision bf16 needs the native engine and ${description.name} computes in float32: set the precision to float32.`;
  }
  if (description.device === 'gpu' || processor.has('avx512_bf16') || processor.has('amx_bf16')) return null;
  return 'Precision bf16 needs a processor with avx512_bf16 or amx_bf16 and this one has neither: set the precision to float32.';
}

/** What the kernel says that the first processor can do; empty where it does not say. */
function processorFeatures(path = '/proc/cpuinfo'): Set<string> {
  if (!existsSync(path)) return new Set();
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync(path, 'utf8'));
  return new Set(flags?.[1].trim().split(/\s+/));
}
