import { Random } from '@consilium/shared';
import { expect, it } from 'vitest';
import { addNoise } from './augmentation-intensity.js';

it('noise is normal, clipped at two sigma, and of the given seed', () => {
  const count = 400_001;
  const noise = new Float32Array(count);
  addNoise(noise, 0, count, 0.1, Random.from(4));
  const mean = noise.reduce((sum, value) => sum + value, 0) / count;
  const within = (sigmas: number) =>
    noise.reduce((sum, value) => sum + (Math.abs(value) < 0.1 * sigmas ? 1 : 0), 0) / count;
  expect(Math.abs(mean)).toBeLessThan(1e-3);
  expect(within(1)).toBeCloseTo(0.6827, 2);
  expect(within(0.5)).toBeCloseTo(0.3829, 2);
  expect(within(1.999)).toBeCloseTo(0.9545, 2);
  expect(Math.max(...noise.subarray(0, 100_000))).toBeCloseTo(0.2, 6);
  const again = new Float32Array(count);
  addNoise(again, 0, count, 0.1, Random.from(4));
  expect(again.every((value, index) => value === noise[index])).toBe(true);
});

it('touches only its range', () => {
  const image = new Float32Array(10);
  addNoise(image, 2, 5, 1, Random.from(1));
  expect([...image].map((value) => value !== 0)).toEqual([
    false,
    false,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
