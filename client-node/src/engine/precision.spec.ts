import { expect, test } from 'vitest';
import type { EngineDescription } from './open-engine.js';
import type { Ops } from './ops.js';
import { precisionRefusal } from './precision.js';

const engine = (name: string, device: EngineDescription['device'] = 'cpu') => ({
  ops: { name } as Ops,
  description: { name: 'some package', tensorflow: null, device },
});
const old = new Set(['avx2', 'avx512f']);

test('float32 is computed everywhere', () => {
  expect(precisionRefusal('float32', engine('kernel'), old)).toBeNull();
});

test('bf16 needs the native engine, and a processor or GPU that computes in it', () => {
  expect(precisionRefusal('bf16', engine('kernel'), new Set(['avx512_bf16']))).toMatch(/native engine.*some package/);
  expect(precisionRefusal('bf16', engine('native'), old)).toMatch(/avx512_bf16 or amx_bf16/);
  for (const feature of ['avx512_bf16', 'amx_bf16']) {
    expect(precisionRefusal('bf16', engine('native'), new Set([feature]))).toBeNull();
  }
  expect(precisionRefusal('bf16', engine('native', 'gpu'), old)).toBeNull();
});
