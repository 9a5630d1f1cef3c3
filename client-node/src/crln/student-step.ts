import type { ModelSettings, Random, TrainingSettings } from '@consilium/shared';
import type { Ops } from '../engine/ops.js';
import { sizeOf, type Tensor } from '../engine/tensor.js';
import { measureClasses } from './class-measure.js';
import type { ClassPriors } from './class-priors.js';
import type { Pass } from './layers/layer.js';
import { cpsLoss } from './losses/cps-loss.js';
import { labelPlanes } from './losses/class-planes.js';
import { drawPairs, STAND_INS, type Candidates, type ClassMeans, type Drawn } from './losses/cps-sampling.js';
import { confidentShares, pseudoLabelLoss } from './losses/pseudo-label-loss.js';
import { segmentationLoss } from './losses/segmentation-loss.js';
import type { Network, NetworkForwarded } from './network.js';
import type { LabelledPatches, PseudoLabelled } from './patches.js';
import { attendedVoxels } from './prototype-support.js';

/** How anchors and negatives are chosen: `drawPairs`, or a list of them in a test against recorded figures. */
export type PairDraw = (candidates: Candidates, means: ClassMeans, random: Random) => Drawn[];

export interface StudentStepOptions {
  readonly ops: Ops;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly pass: Pass;
  readonly priors: ClassPriors;
  readonly random: Random;
  /** Mean over features of each class's prototypes [C, R]; null while prototypes are left out of CPS. */
  readonly prototypeMeans: Float32Array | null;
  readonly draw?: PairDraw | undefined;
}

/** Scalars on the engine, by name; absent where a batch had no such part. */
export type LossTensors = Map<LossName, Tensor>;
export type LossName =
  | 'crossEntropy'
  | 'dice'
  | 'crossEntropyRelationship'
  | 'diceRelationship'
  | 'unsupervised'
  | 'cps'
  | 'muCrossEntropy'
  | 'muDice';

/** One kind of patches between its forward and its backward pass. */
interface Half {
  readonly forwarded: NetworkForwarded;
  readonly dLogits: Tensor;
  readonly dRelationship: Tensor | null;
  /** [voxels]: logarithm of the probability of each voxel's class. */
  readonly logOwn: Float32Array;
  /** [voxels]: class where the voxel counts for CPS, else -1. */
  readonly label: Int32Array;
}

/** Forward and backward of the student on both kinds of patches; its weights then hold the gradient of the whole loss. */
export function studentStep(
  student: Network,
  batch: { labelled?: LabelledPatches | undefined; unlabelled?: PseudoLabelled | undefined },
  options: StudentStepOptions,
): LossTensors {
  const losses: LossTensors = new Map();
  const halves: Half[] = [];
  if (batch.labelled) halves.push(supervise(student, batch.labelled, options, losses));
  if (batch.unlabelled) halves.push(imitate(student, batch.unlabelled, options, losses));
  const dRepresentations = cooperate(halves, options, losses);
  halves.forEach(({ forwarded, dLogits, dRelationship }, i) => {
    forwarded.backward({ logits: dLogits, representation: dRepresentations[i], relationship: dRelationship });
  });
  return losses;
}

function supervise(student: Network, patches: LabelledPatches, options: StudentStepOptions, losses: LossTensors): Half {
  const { ops, model, pass, priors } = options;
  const onAttention = (attention: Tensor) => priors.attend(attendedVoxels(ops, attention, patches, model.classes));
  const forwarded = student.forward(imageTensor(ops, patches, model.channels), { ...pass, onAttention });
  const labels = labelPlanes(ops, patches.label, model.classes);
  const onLogits = segmentationLoss(ops, forwarded.logits, labels, 0.5);
  const onRelationship = segmentationLoss(ops, forwarded.relationship, labels, 0.5);
  losses.set('crossEntropy', onLogits.crossEntropy);
  losses.set('dice', onLogits.dice);
  losses.set('crossEntropyRelationship', onRelationship.crossEntropy);
  losses.set('diceRelationship', onRelationship.dice);
  const logOwn = ops.toHost(onLogits.logOwn) as Float32Array;
  ops.dispose(labels, onLogits.logOwn, onRelationship.logOwn, forwarded.logits, forwarded.relationship);
  return { forwarded, dLogits: onLogits.dLogits, dRelationship: onRelationship.dLogits, logOwn, label: patches.label };
}

function imitate(student: Network, patches: PseudoLabelled, options: StudentStepOptions, losses: LossTensors): Half {
  const { ops, model, training, pass } = options;
  const image = imageTensor(ops, patches, model.channels);
  const forwarded = student.forward(image, pass, { relationshipGradient: false });
  const labels = labelPlanes(ops, patches.label, model.classes);
  const shares = confidentShares(patches, training.strongConfidence);
  const { loss, dLogits, logOwn } = pseudoLabelLoss(ops, forwarded.logits, labels, shares, training.unsupervisedWeight);
  losses.set('unsupervised', loss);
  const label = patches.label.map((c, i) => (patches.confidence[i] >= training.weakConfidence ? c : -1));
  const logOwnValues = ops.toHost(logOwn) as Float32Array;
  ops.dispose(labels, logOwn, forwarded.logits, forwarded.relationship);
  return { forwarded, dLogits, dRelationship: null, logOwn: logOwnValues, label };
}

/** CPS over the representations of all halves, which it takes over; gives dLoss/dRepresentation of each. */
function cooperate(halves: Half[], options: StudentStepOptions, losses: LossTensors): Tensor[] {
  const { ops, model, training, priors, random } = options;
  const { classes, prototypes: channels } = model;
  const representations = halves.map(({ forwarded }) => forwarded.representation!);
  const sizes = representations.map(({ shape }) => sizeOf(shape) / channels);
  const label = joined(halves.map((half) => half.label));
  const parts = representations.map((representation, i) => ({ representation, label: halves[i].label }));
  const measure = measureClasses(ops, parts, classes, channels);
  const means = priors.observe(measure);
  const candidates = { label, logOwn: joinedFloats(halves.map(({ logOwn }) => logOwn)), classes };
  const drawn = (options.draw ?? drawBySettings(training))(candidates, means, random);
  if (drawn.length === 0) {
    const zeros = representations.map((x) => ops.mul(x, 0));
    ops.dispose(...representations);
    return zeros;
  }
  const positives = unassertive(means, options.prototypeMeans, training.cpsPrototypeShare);
  const gradients = ops.tidy(() => {
    const rows = representations.map((x, i) => ops.reshape(x, [sizes[i], channels]));
    const strangers = standIns(means, measure.counts, priors.deviations, random);
    const all = ops.concat([...rows, ops.fromHost(strangers, [classes * STAND_INS, channels])], 0);
    const scale = training.cpsWeight;
    const { loss, dRows } = cpsLoss(ops, all, positives, drawn, {
      classes,
      voxels: label.length,
      temperature: training.cpsTemperature,
      scale,
    });
    let begin = 0;
    const parts = representations.map((x, i) => {
      const part = ops.slice(dRows, [begin, 0], [sizes[i], channels]);
      begin += sizes[i];
      return ops.reshape(part, x.shape);
    });
    return { loss, parts };
  });
  ops.dispose(...representations);
  losses.set('cps', gradients.loss);
  return gradients.parts;
}

function drawBySettings(training: TrainingSettings): PairDraw {
  const settings = {
    anchors: training.cpsAnchors,
    negatives: training.cpsNegatives,
    temperature: training.cpsTemperature,
    strong: training.strongConfidence,
  };
  return (candidates, means, random) => drawPairs(candidates, means, settings, random);
}

/** The positive of each class: its mean, drawn towards the mean over features of its prototypes. */
function unassertive(means: ClassMeans, prototypeMeans: Float32Array | null, share: number): ClassMeans {
  if (prototypeMeans === null) return means;
  return means.map((mean, c) =>
    mean === null ? null : mean.map((value, r) => (value + share * prototypeMeans[c * mean.length + r]) / (1 + share)),
  );
}

/**
 * STAND_INS rows for each class [C STAND_INS, R]: of one without a voxel in the batch, drawn about the mean of other sites as
 * their voxels spread; of the others zeros, which nobody draws.
 */
function standIns(
  means: ClassMeans,
  counts: readonly number[],
  deviations: readonly Float32Array[],
  random: Random,
): Float32Array {
  const channels = deviations[0].length;
  const values = new Float32Array(means.length * STAND_INS * channels);
  means.forEach((mean, c) => {
    if (mean === null || counts[c] > 0) return;
    for (let k = 0; k < STAND_INS; k++) {
      const row = mean.map((value, r) => value + deviations[c][r] * random.normal());
      values.set(row, (c * STAND_INS + k) * channels);
    }
  });
  return values;
}

export function imageTensor(
  ops: Ops,
  { image, shape }: { image: Float32Array; shape: readonly number[] },
  channels: number,
): Tensor {
  return ops.fromHost(image, [...shape, channels]);
}

function joined(parts: Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((total, part) => total + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

function joinedFloats(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
