import { Random } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { openDoubleOps } from '../../engine/double-ops.js';
import { sizeOf, type Tensor } from '../../engine/tensor.js';
import { labelPlanes } from './class-planes.js';
import { cpsLoss } from './cps-loss.js';
import { drawPairs, STAND_INS, type ClassMeans } from './cps-sampling.js';
import { confidentShares, pseudoLabelLoss } from './pseudo-label-loss.js';
import { segmentationLoss } from './segmentation-loss.js';

const double = openDoubleOps();
const ops = double!;
const random = Random.from(3, 'losses');
const noise = (count: number) => Float32Array.from({ length: count }, () => random.normal());

/** Checks a closed-form gradient against central differences of a loss of x. */
function checkGradient(shape: number[], x: Float32Array, run: (x: Tensor) => { loss: Tensor; gradient: Tensor }): void {
  const before = ops.tensorCount();
  const at = (values: Float32Array) =>
    ops.tidy(() => {
      const { loss, gradient } = run(ops.fromHost(values, shape));
      return { loss: ops.toHost(loss)[0], gradient: ops.toHost(gradient) as Float32Array };
    });
  const { gradient } = at(x);
  for (let i = 0; i < x.length; i += Math.ceil(x.length / 24)) {
    const moved = (by: number) => x.map((value, k) => (k === i ? value + by : value));
    const [above, below] = [moved(2e-2), moved(-2e-2)];
    const numeric = (at(above).loss - at(below).loss) / (above[i] - below[i]);
    expect(Math.abs(gradient[i] - numeric), `value ${i}`).toBeLessThan(1e-4 + 1e-2 * Math.abs(numeric));
  }
  expect(ops.tensorCount()).toBe(before);
}

describe.skipIf(double === null)('losses', () => {
  it('segmentation: gradient of cross entropy and Dice, three classes', () => {
    const shape = [1, 2, 2, 3, 3];
    const label = Int32Array.from({ length: 12 }, (_, i) => i % 3);
    checkGradient(shape, noise(sizeOf(shape)), (logits) => {
      const { crossEntropy, dice, dLogits } = segmentationLoss(ops, logits, labelPlanes(ops, label, 3), 0.5);
      return { loss: ops.mul(ops.add(crossEntropy, dice), 0.5), gradient: dLogits };
    });
  });

  it('segmentation: defined where a class is neither there nor predicted', () => {
    const [crossEntropy, dice, dLogits] = ops.tidy(() => {
      const logits = ops.fromHost(Float32Array.from([90, -90, 90, -90]), [1, 1, 1, 2, 2]);
      const loss = segmentationLoss(ops, logits, labelPlanes(ops, new Int32Array(2), 2), 1);
      return [loss.crossEntropy, loss.dice, loss.dLogits].map((x) => ops.toHost(x));
    });
    expect([...crossEntropy, ...dice, ...dLogits].every(Number.isFinite)).toBe(true);
  });

  it('pseudo-labels: gradient, with ignored voxels and weighted volumes', () => {
    const shape = [2, 1, 2, 3, 2];
    const label = Int32Array.from([0, 1, -1, 1, 0, -1, -1, 1, 1, 0, 0, 1]);
    checkGradient(shape, noise(sizeOf(shape)), (logits) => {
      const { loss, dLogits } = pseudoLabelLoss(
        ops,
        logits,
        labelPlanes(ops, label, 2),
        Float32Array.of(0.25, 0.75),
        0.5,
      );
      return { loss: ops.mul(loss, 0.5), gradient: dLogits };
    });
  });

  it('pseudo-labels: nothing to learn from gives 0, not NaN', () => {
    const label = new Int32Array(4).fill(-1);
    const [loss, dLogits] = ops.tidy(() => {
      const result = pseudoLabelLoss(
        ops,
        ops.fromHost(noise(8), [1, 1, 2, 2, 2]),
        labelPlanes(ops, label, 2),
        Float32Array.of(0),
        1,
      );
      return [ops.toHost(result.loss), ops.toHost(result.dLogits)];
    });
    expect(Math.abs(loss[0])).toBe(0);
    expect(dLogits.every((value) => value === 0)).toBe(true);
    const patches = {
      image: new Float32Array(4),
      label,
      confidence: new Float32Array(4),
      shape: [1, 1, 2, 2] as const,
    };
    expect([...confidentShares(patches, 0.9)]).toEqual([0]);
  });

  it('cooperative positive supervision: gradient at the anchors, none elsewhere', () => {
    const [voxels, r, classes] = [10, 3, 2];
    const drawn = [
      { class: 0, anchors: Int32Array.of(0, 1, 1), negatives: Int32Array.of(5, 6, 7, 8, 5, 5) },
      { class: 1, anchors: Int32Array.of(9, 8, 9), negatives: Int32Array.of(2, 3, 4, 2, 10, 3) },
    ];
    const positives: ClassMeans = [noise(r), noise(r)];
    const rows = noise((voxels + classes) * r);
    const gradientOf = (x: Tensor) =>
      cpsLoss(ops, x, positives, drawn, { classes, voxels, temperature: 0.5, scale: 1 });
    const anchorRows = [0, 1, 9].map((row) => rows.slice(row * r, (row + 1) * r));
    // Only anchors' own rows move: a row may also serve as a negative, through which no gradient flows.
    checkGradient([1, 2 * r], Float32Array.from([...anchorRows[0], ...anchorRows[2]]), (x) => {
      const all = ops.concat(
        [
          ops.reshape(ops.slice(x, [0, 0], [1, r]), [1, r]),
          ops.fromHost(rows.slice(r, 9 * r), [8, r]),
          ops.slice(x, [0, r], [1, r]),
          ops.fromHost(rows.slice(10 * r), [2, r]),
        ],
        0,
      );
      const { loss, dRows } = gradientOf(all);
      const gradient = ops.concat([ops.slice(dRows, [0, 0], [1, r]), ops.slice(dRows, [9, 0], [1, r])], 1);
      return { loss, gradient };
    });
    const dRows = ops.tidy(() => ops.toHost(gradientOf(ops.fromHost(rows, [12, r])).dRows));
    expect(dRows.length).toBe(voxels * r);
    expect(dRows.slice(2 * r, 8 * r).every((value) => value === 0)).toBe(true);
  });
});

describe('drawPairs', () => {
  const settings = { anchors: 40, negatives: 5, temperature: 0.5, strong: 0.9 };
  const label = Int32Array.from([0, 0, 0, 1, 1, 2, 2, -1]);
  const logOwn = Float32Array.from([0.5, 0.95, 0.5, 0.2, 0.99, 0.5, 0.5, 0.1], Math.log);
  const means: ClassMeans = [Float32Array.of(1, 0), Float32Array.of(1, 0.1), Float32Array.of(-1, 0)];

  it('takes anchors from unsure voxels of the class and negatives from the others, alike ones more often', () => {
    const drawn = drawPairs({ label, logOwn, classes: 3 }, means, settings, Random.from(1));
    expect(drawn.map((draw) => draw.class)).toEqual([0, 1, 2]);
    expect(new Set(drawn[0].anchors)).toEqual(new Set([0, 2]));
    expect(new Set(drawn[1].anchors)).toEqual(new Set([3]));
    const alike = drawn[0].negatives.filter((row) => label[row] === 1).length / drawn[0].negatives.length;
    expect(alike).toBeGreaterThan(0.9);
    expect(drawn[0].negatives.every((row) => label[row] > 0)).toBe(true);
  });

  it('lets a mean stand in for a class without voxels, and leaves out a class that nothing is known of', () => {
    const two = label.map((c) => (c === 2 ? -1 : c));
    const [first] = drawPairs({ label: two, logOwn, classes: 3 }, means, settings, Random.from(1));
    const standIns = label.length + 2 * STAND_INS;
    expect(first.negatives.some((row) => row >= standIns && row < standIns + STAND_INS)).toBe(true);
    const only = label.map((c) => (c === 0 ? 0 : -1));
    expect(drawPairs({ label: only, logOwn, classes: 3 }, [means[0]!, null, null], settings, Random.from(1))).toEqual(
      [],
    );
  });

  it('gives nothing where the student is sure everywhere', () => {
    expect(drawPairs({ label, logOwn: new Float32Array(8), classes: 3 }, means, settings, Random.from(1))).toEqual([]);
  });
});
