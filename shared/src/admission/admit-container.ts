import type { Refusal } from '../protocol/refusal.js';
import { quoted } from '../tensors/container-error.js';
import type { ContainerHeader } from '../tensors/header.js';
import type { ExpectedTensor } from './expected-tensor.js';

/** Exactly the tensors of the study, each float32 and of its shape; the first deviation by name, or null. */
export function admitContainer(header: ContainerHeader, tensors: readonly ExpectedTensor[]): Refusal | null {
  const got = new Map(header.entries.map((entry) => [entry.name, entry]));
  for (const { name, shape } of tensors) {
    const entry = got.get(name);
    if (entry === undefined) {
      const sentence = `Update: expected ${tensors.length} tensors, among them ${quoted(name)}, got ${header.entries.length} without it.`;
      return { reason: 'tensor-missing', sentence };
    }
    if (entry.dtype !== 'F32') {
      return { reason: 'wrong-dtype', sentence: `Tensor ${quoted(name)}: expected dtype F32, got ${entry.dtype}.` };
    }
    if (entry.shape.length !== shape.length || entry.shape.some((side, axis) => side !== shape[axis])) {
      const sentence = `Tensor ${quoted(name)}: expected shape [${shape.join(', ')}], got [${entry.shape.join(', ')}].`;
      return { reason: 'wrong-shape', sentence };
    }
    got.delete(name);
  }
  const unexpected = [...got.keys()].sort().at(0);
  if (unexpected === undefined) return null;
  const sentence = `Update: expected the ${tensors.length} tensors of the study, got ${quoted(unexpected)} as well.`;
  return { reason: 'tensor-unexpected', sentence };
}
