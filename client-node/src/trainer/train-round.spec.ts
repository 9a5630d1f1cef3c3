import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Random, float32Tensor } from '@consilium/shared';
import { CheckpointFile } from './checkpoint.js';
import { meanOf, trainRound, type BatchSource, type Learner, type RoundOfTraining } from './train-round.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-round-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One weight that drifts by its batch and its own random stream: any lost or repeated step shows in it. */
class Drift implements Learner<number> {
  weight = 0;
  readonly seen: number[] = [];
  #random = Random.from(1);

  step(batch: number, globalStep: number) {
    this.seen.push(globalStep);
    this.weight = Math.fround(0.9 * this.weight + batch + this.#random.uniform());
    return { loss: this.weight, supervised: null, unsupervised: 1, cps: 0 };
  }

  saveState() {
    const tensors = new Map([['weight', float32Tensor([1], Float32Array.of(this.weight))]]);
    return { tensors, counters: { random: this.#random.state } };
  }

  restoreState({ tensors, counters }: ReturnType<Drift['saveState']>) {
    this.weight = tensors.get('weight')!.data[0]!;
    this.#random = Random.restore(counters.random);
  }
}

const draws: BatchSource<number> = { at: (step) => Promise.resolve(Random.from(2, step).uniform()) };

/** Each look at the clock is 0.4 s later, so that a checkpoint is written after some steps and not after others. */
function roundOf(learner: Drift, more: Partial<RoundOfTraining<number>> = {}): RoundOfTraining<number> {
  let now = 0;
  return {
    learner: learner,
    batches: draws,
    checkpoint: new CheckpointFile(join(folder, 'checkpoint.safetensors'), 'round 2'),
    localSteps: 10,
    firstGlobalStep: 100,
    checkpointSeconds: 1,
    now: () => (now += 400),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onResume: () => undefined,
    ...more,
  };
}

async function stoppedAfter(steps: number): Promise<Drift> {
  const abort = new AbortController();
  const learner = new Drift();
  const onProgress = ({ done }: { done: number }): void => {
    if (done === steps) abort.abort(new Error('killed'));
  };
  await expect(trainRound(roundOf(learner, { signal: abort.signal, onProgress }))).rejects.toThrow('killed');
  return learner;
}

test('tells of each step what it gave, by name, and leaves out what it had not', async () => {
  const seen: unknown[] = [];
  const learner = new Drift();
  const step = learner.step.bind(learner);
  Object.assign(learner, {
    step: (...given: Parameters<typeof step>) => ({ ...step(...given), cps: null, learningRate: 0.1 }),
  });
  await trainRound(roundOf(learner, { localSteps: 1, onProgress: ({ scalars }) => seen.push(scalars) }));
  expect(seen).toEqual([
    expect.objectContaining({ 'loss/total': expect.any(Number) as number, 'training/learning_rate': 0.1 }),
  ]);
  expect(seen[0]).not.toHaveProperty('loss/cps');
});

test('a round that goes on from its checkpoint ends where an uninterrupted one does', async () => {
  const whole = new Drift();
  const expected = await trainRound(roundOf(whole, { checkpointSeconds: 1000 }));
  expect(await stoppedAfter(6)).toMatchObject({ seen: [100, 101, 102, 103, 104, 105] });
  const second = new Drift();
  const figures = await trainRound(roundOf(second));
  expect(second.seen).toEqual([106, 107, 108, 109]);
  expect(second.weight).toBe(whole.weight);
  expect(figures.resumedFrom).toBe(6);
  expect(figures.metrics.loss).toBe(expected.metrics.loss);
});

test('a checkpoint of another round, or a torn one, is not taken', async () => {
  await stoppedAfter(6);
  const other = new CheckpointFile(join(folder, 'checkpoint.safetensors'), 'round 3');
  expect(await other.load()).toBeUndefined();
  writeFileSync(join(folder, 'checkpoint.safetensors'), 'half');
  const figures = await trainRound(roundOf(new Drift()));
  expect(figures.resumedFrom).toBe(0);
});

test('tells how much of the time went by without a batch', async () => {
  const shares: (number | undefined)[] = [];
  const onProgress = ({ dataWaitShare }: { dataWaitShare?: number }): void => void shares.push(dataWaitShare);
  // A step looks at the clock before its batch, after it, and at its end: half of its time is the wait.
  const figures = await trainRound(roundOf(new Drift(), { onProgress, checkpointSeconds: 1000 }));
  expect(shares[3]).toBeCloseTo(0.5);
  expect(figures.dataWaitShare).toBeCloseTo(0.5);
});

test('a loss that is not finite ends the round with a sentence', async () => {
  const learner = new Drift();
  learner.weight = Number.NaN;
  await expect(trainRound(roundOf(learner))).rejects.toThrow('training: expected a finite loss at step 1, got NaN');
});

test('parts that no step had are null, others the mean of the steps that had them', () => {
  const step = (loss: number, supervised: number | null) => ({ loss, supervised, unsupervised: null, cps: null });
  expect(meanOf([step(1, 4), step(3, null)], 0.5)).toEqual({
    loss: 2,
    supervised: 4,
    unsupervised: null,
    cps: null,
    secondsPerStep: 0.5,
  });
});
