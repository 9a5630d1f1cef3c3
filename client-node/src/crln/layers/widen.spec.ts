import { describe, expect, it } from 'vitest';
import { engineSettings } from '../../engine/engine-settings.js';
import { openEngine } from '../../engine/open-engine.js';
import { precisionRefusal } from '../../engine/precision.js';
import { EVALUATION } from './layer.js';
import { Widen } from './widen.js';

const engine = await openEngine(engineSettings({}, { device: 'cpu' }));
const { ops } = engine;
const TRAINING = { statistics: 'batch', gradient: true } as const;

describe('the border of mixed precision', () => {
  it('lets float32 pass as it is', () => {
    const x = ops.fromHost(Float32Array.of(1, 2), [2]);
    const { output, backward } = new Widen(ops).forward(x, TRAINING);
    expect(output).toBe(x);
    expect(backward(output)).toBe(x);
    ops.dispose(x);
  });

  it.skipIf(precisionRefusal('bf16', engine) !== null)('widens bfloat16, and narrows its gradient', () => {
    const before = ops.tensorCount();
    const narrow = () => ops.tidy(() => ops.cast(ops.fromHost(Float32Array.of(1, -2.5), [2]), 'bfloat16'));
    const { output, backward } = new Widen(ops).forward(narrow(), TRAINING);
    expect(output.dtype).toBe('float32');
    expect([...ops.toHost(output)]).toEqual([1, -2.5]);
    const dx = backward(output);
    expect(dx.dtype).toBe('bfloat16');
    expect([...ops.toHost(dx)]).toEqual([1, -2.5]);
    const { output: evaluated } = new Widen(ops).forward(narrow(), EVALUATION);
    ops.dispose(dx, evaluated);
    expect(ops.tensorCount()).toBe(before);
  });
});
