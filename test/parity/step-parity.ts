import { expect, it } from 'vitest';
import { modelTensors, ModelSettings, Random, TrainingSettings, type NamedTensors } from '../../shared/src/index.js';
import { CrlnTrainer, type Augmentation } from '../../client-node/src/crln/crln-trainer.js';
import { EVALUATION } from '../../client-node/src/crln/layers/layer.js';
import { Network } from '../../client-node/src/crln/network.js';
import type { PatchShape } from '../../client-node/src/crln/patches.js';
import { Weights } from '../../client-node/src/crln/weights.js';
import type { Ops } from '../../client-node/src/engine/ops.js';
import {
  everyNth,
  largestDifference,
  relativeDifference,
  torchParameter,
  torchVolume,
  type ReferenceFile,
} from './reference-file.js';

const STEPS = 2;
/** A gradient this small in double precision is zero: that of a bias that batch norm takes out again. */
const ZERO_GRADIENT = 1e-9;

interface ReferenceConfig {
  width: number;
  prototypes: number;
  classes: number;
  patch: [number, number, number];
  lr: number;
  weight_decay: number;
  momentum: number;
  ema: number;
  strong: number;
  cps_mask: number;
  xi: number;
  temperature: number;
  backbone?: 'vnet' | 'unet3d';
  batch?: number;
  /** How many values of a parameter, and of a volume, the file keeps; all where it does not say. */
  kept?: number;
  kept_voxels?: number;
}

/** Largest relative differences (of a tensor: relative to its largest value). */
export interface Tolerances {
  readonly forward: number;
  /** Of the first step; `laterLoss` of those that start from an updated model. */
  readonly loss: number;
  readonly laterLoss: number;
  readonly gradient: number;
  readonly confidence: number;
  readonly model: number;
}

export const DOUBLE: Tolerances = {
  forward: 1e-4,
  loss: 1e-4,
  laterLoss: 1e-4,
  gradient: 1e-3,
  confidence: 1e-4,
  model: 1e-4,
};
/**
 * What float32 leaves of the figures: PyTorch's own float32 step differs from the golden gradients by 1.3e-2 and from the
 * golden student by 2e-3, because a ReLU at 0 +- rounding is open in one and shut in the other.
 */
export const SINGLE: Tolerances = {
  forward: 1e-4,
  loss: 1e-4,
  laterLoss: 1e-4,
  gradient: 1.5e-2,
  confidence: 1e-2,
  model: 1e-2,
};
/** For patches so small that the deepest norm sees a handful of values: their gradients are for double precision only. */
export const SMALL: Tolerances = {
  ...SINGLE,
  laterLoss: 1e-1,
  gradient: Infinity,
  confidence: Infinity,
  model: Infinity,
};

/** Compares one evaluation-mode pass and two whole training steps with a file of figures that PyTorch computed. */
export function itMatches(file: ReferenceFile, ops: Ops, tolerances: Tolerances): void {
  const config = file.config as unknown as ReferenceConfig;
  const { backbone = 'vnet', batch = 2, classes, width, prototypes, patch } = config;
  const { kept = Infinity, kept_voxels: keptVoxels = Infinity } = config;
  const model = ModelSettings.parse({ backbone, classes, width, prototypes, patch });
  const start: NamedTensors = file.startingModel();
  for (const { name, shape, kind } of modelTensors(model)) {
    if (kind === 'prior') start.set(name, zeros(shape));
  }

  it('gives the same forward pass in evaluation mode', () => {
    const before = ops.tensorCount();
    const network = new Network(ops, model, Weights.load(ops, modelTensors(model), start));
    const input = file.volumes('input/eval');
    const { logits, representation, relationship } = network.forward(ops.fromHost(input.data, input.shape), EVALUATION);
    const rectified = network.rectify(logits, relationship);
    expect(representation).toBeNull();
    const compare = (name: string, got: typeof logits) => {
      const values = everyNth(torchVolume(ops.toHost(got) as Float32Array, got.shape), keptVoxels);
      const expected = file.floats(`expect/eval/${name}`).data;
      expect(relativeDifference(values, expected), name).toBeLessThan(tolerances.forward);
    };
    compare('logits', logits);
    compare('relationship', relationship);
    compare('rectified', rectified);
    ops.dispose(logits, relationship, rectified);
    network.weights.dispose();
    expect(ops.tensorCount()).toBe(before);
  });

  it('makes the same two training steps', () => {
    const before = ops.tensorCount();
    const random = Random.from(0);
    let step = 0;
    const augmentation: Augmentation = {
      prepare: ({ labelled, unlabelled }) => ({
        prepared: true,
        labelled,
        unlabelled: { ...unlabelled!, strong: unlabelled!.image, columns: new Int32Array(0) },
      }),
      label: ({ strong, shape }, { label, confidence }) => {
        // Two classes can be so near at a voxel that roundings disagree on the higher one.
        const expected = file.integers(`expect/step${step}/pseudo_label`);
        const differing = label.reduce((count, c, i) => count + Number(c !== expected[i]), 0);
        expect(differing / label.length, `step ${step} pseudo-labels`).toBeLessThan(
          Math.max(1e-3, tolerances.confidence),
        );
        const sure = file.floats(`expect/step${step}/confidence`).data;
        expect(largestDifference(everyNth(confidence, keptVoxels), sure), `step ${step} confidence`).toBeLessThan(
          tolerances.confidence,
        );
        const pseudo = file.integers(`input/step${step}/pseudo`);
        return { image: strong, shape, label: pseudo, confidence: file.floats(`input/step${step}/confidence`).data };
      },
    };
    const trainer = CrlnTrainer.create(
      {
        ops,
        model,
        training: trainingSettings(config),
        totalSteps: STEPS,
        random,
        augmentation,
        dropping: false,
        draw: () =>
          Array.from({ length: classes }, (_, c) => ({
            class: c,
            anchors: file.integers(`input/step${step}/anchors${c}`),
            negatives: file.integers(`input/step${step}/negatives${c}`),
          })),
        observeGradients: (gradients) => {
          if (step === 0) compareGradients(file, gradients, kept, tolerances.gradient);
        },
      },
      start,
    );
    for (; step < STEPS; step++) {
      const shape: PatchShape = [batch, ...patch];
      const { parts, loss, mu } = trainer.step(
        {
          labelled: {
            image: file.volumes(`input/step${step}/labelled`).data,
            label: file.integers(`input/step${step}/label`),
            shape,
          },
          unlabelled: { image: file.volumes(`input/step${step}/unlabelled`).data, shape },
        },
        step,
      );
      const figures = {
        ce: parts.crossEntropy,
        dice: parts.dice,
        ce_relationship: parts.crossEntropyRelationship,
        dice_relationship: parts.diceRelationship,
        unsupervised: parts.unsupervised,
        cps: parts.cps,
        total: loss,
        mu,
      };
      for (const [name, figure] of Object.entries(figures)) {
        const expected = file.scalar(`expect/step${step}/loss/${name}`);
        expect(Math.abs(figure! - expected) / Math.abs(expected), `step ${step} loss ${name}`).toBeLessThan(
          step === 0 ? tolerances.loss : tolerances.laterLoss,
        );
      }
      const { data } = trainer.student.weights.toHost().get('mu')!;
      expect(Number(data[0]), `step ${step} mu`).toBeCloseTo(file.scalar(`expect/step${step}/mu`), 4);
    }
    compareModels(file, 'student', trainer.student.weights.toHost(), kept, tolerances.model);
    compareModels(file, 'teacher', trainer.teacher.weights.toHost(), kept, tolerances.model);
    trainer.dispose();
    expect(ops.tensorCount()).toBe(before);
  });
}

function trainingSettings(config: ReferenceConfig): TrainingSettings {
  return TrainingSettings.parse({
    learningRate: config.lr,
    momentum: config.momentum,
    weightDecay: config.weight_decay,
    polyPower: 0,
    emaDecay: config.ema,
    warmUpSteps: 0,
    strongConfidence: config.strong,
    weakConfidence: config.cps_mask,
    cpsTemperature: config.temperature,
    cpsPrototypeShare: config.xi,
  });
}

function compareGradients(file: ReferenceFile, gradients: NamedTensors, kept: number, tolerance: number): void {
  const names = file.names('expect/step0/grad');
  expect([...gradients.keys()].sort()).toEqual(names.sort());
  for (const name of names) {
    const expected = file.floats(`expect/step0/grad/${name}`).data;
    const got = everyNth(torchParameter(name, gradients.get(name)!), kept);
    if (expected.every((value) => Math.abs(value) < ZERO_GRADIENT)) {
      expect(largestDifference(got, expected), `gradient ${name}`).toBeLessThan(ZERO_GRADIENT);
    } else expect(relativeDifference(got, expected), `gradient ${name}`).toBeLessThan(tolerance);
  }
}

function compareModels(
  file: ReferenceFile,
  which: 'student' | 'teacher',
  model: NamedTensors,
  kept: number,
  tolerance: number,
): void {
  for (const name of file.names(`expect/after/${which}`)) {
    const got = everyNth(torchParameter(name, model.get(name)!), kept);
    const expected = file.floats(`expect/after/${which}/${name}`).data;
    expect(relativeDifference(got, expected), `${which} ${name}`).toBeLessThan(tolerance);
  }
}

function zeros(shape: readonly number[]) {
  const count = shape.reduce((product, side) => product * side, 1);
  return { dtype: 'float32' as const, shape: [...shape], data: new Float32Array(count) };
}
