import { Random, type ModelSettings, type NamedTensors, type TrainingSettings } from '@consilium/shared';
import type { MomentumSettings, Ops } from '../engine/ops.js';
import type { Precision } from '../engine/precision.js';
import { prepareBatch, withPseudoLabels } from './augmentation.js';
import { ClassPriors } from './class-priors.js';
import { EVALUATION, TEACHING } from './layers/layer.js';
import { labelPlanes, logSoftmaxOfPlanes, toPlanes } from './losses/class-planes.js';
import { segmentationLoss } from './losses/segmentation-loss.js';
import { Network } from './network.js';
import type { CrlnBatch, LabelledPatches, PreparedBatch, PreparedUnlabelled, PseudoLabelled } from './patches.js';
import { ControlVariates } from './control-variates.js';
import type { GradientTerm } from './gradient-term.js';
import { ProximalPull } from './proximal.js';
import { polyDecay, teacherDecay } from './schedules.js';
import { SeededDropping } from './seeded-dropping.js';
import { stepLosses, type StepLosses } from './step-losses.js';
import { imageTensor, studentStep, type LossTensors, type PairDraw } from './student-step.js';
import { packTensors, trainerCounters, unpackTensors, type TrainerState } from './trainer-state.js';
import { Momentum, type Weights } from './weights.js';

/** What happens to patches on the host. */
export interface Augmentation {
  /** Of a batch that did not come prepared. */
  prepare: (batch: CrlnBatch, random: Random) => PreparedBatch;
  /** The strong view for the student, with the teacher's labels. */
  label: (patches: PreparedUnlabelled, teacher: Pick<PseudoLabelled, 'label' | 'confidence'>) => PseudoLabelled;
}

export interface CrlnTrainerOptions {
  readonly ops: Ops;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  /** Steps of the whole study, over which the learning rate falls. */
  readonly totalSteps: number;
  readonly random: Random;
  /** SCAFFOLD's, by parameter; none if left out. */
  readonly correction?: NamedTensors;
  /** Of the backbone's activations and convolutions; float32 if left out. */
  readonly precision?: Precision;
  readonly augmentation?: Augmentation;
  /** Off for figures that can be compared: no channel dropout, no drop-path. */
  readonly dropping?: boolean;
  readonly draw?: PairDraw;
  /** Sees the gradient of each step's loss before the update, by name; for tests and diagnosis, as it costs a transfer. */
  readonly observeGradients?: (gradients: NamedTensors) => void;
}

const PUBLISHED: Augmentation = { prepare: prepareBatch, label: withPseudoLabels };

function termsOf({ ops, training, correction }: CrlnTrainerOptions, weights: Weights): GradientTerm[] {
  const { proximal } = training;
  return [
    ...(proximal > 0 ? [new ProximalPull(ops, weights, proximal)] : []),
    ...(correction ? [new ControlVariates(ops, weights, correction)] : []),
  ];
}

/** Of one step, with what it was taken with. */
interface StepFigures extends StepLosses {
  readonly learningRate: number;
  /** 1 - mu: what the relationship map counts for in rectified logits. */
  readonly relationshipWeight: number;
}

/** Student, mean teacher and optimiser of CRLN (Wang et al. 2025), one step at a time. */
export class CrlnTrainer {
  readonly #student: Network;
  readonly #teacher: Network;
  readonly #momentum: Momentum;
  readonly #terms: readonly GradientTerm[];
  readonly #priors: ClassPriors;
  #random: Random;
  #averaged = 0;

  private constructor(
    private readonly options: CrlnTrainerOptions,
    tensors: NamedTensors,
  ) {
    const { ops, model, precision } = options;
    this.#student = Network.load(ops, model, tensors, precision);
    this.#teacher = Network.load(ops, model, tensors, precision);
    this.#momentum = new Momentum(ops, this.#student.weights);
    this.#terms = termsOf(options, this.#student.weights);
    this.#priors = ClassPriors.from(tensors, model.classes, model.prototypes);
    this.#random = options.random;
  }

  /** Student and teacher both start from `tensors`, a whole model container. */
  static create(options: CrlnTrainerOptions, tensors: NamedTensors): CrlnTrainer {
    return new CrlnTrainer(options, tensors);
  }

  get teacher(): Network {
    return this.#teacher;
  }

  get student(): Network {
    return this.#student;
  }

  /** One training step; `globalStep` counts over all rounds, from 0. A batch without any patch throws. */
  step(batch: CrlnBatch | PreparedBatch, globalStep: number): StepFigures {
    const { ops, model, training, totalSteps } = this.options;
    if (!batch.labelled && !batch.unlabelled) throw new RangeError('training step: expected patches, got none');
    const { prepare, label } = this.options.augmentation ?? PUBLISHED;
    const warm = globalStep >= training.warmUpSteps;
    const { labelled, unlabelled: patches } = 'prepared' in batch ? batch : prepare(batch, this.#random);
    const unlabelled = patches && label(patches, this.#teach(patches, warm));
    const dropping =
      this.options.dropping === false
        ? undefined
        : new SeededDropping(this.#random, training.dropPath, training.channelDropout);
    const losses = studentStep(
      this.#student,
      { labelled, unlabelled },
      {
        ops,
        model,
        training,
        pass: { statistics: 'batch', gradient: true, dropping },
        priors: this.#priors,
        random: this.#random,
        prototypeMeans: warm ? this.#prototypeMeans() : null,
        draw: this.options.draw,
      },
    );
    this.options.observeGradients?.(this.#student.weights.gradientsToHost());
    const settings: MomentumSettings = {
      learningRate: training.learningRate * polyDecay(globalStep, totalSteps, training.polyPower),
      momentum: training.momentum,
      weightDecay: training.weightDecay,
    };
    for (const term of this.#terms) term.addTo(this.#student.weights.parameters());
    this.#momentum.apply(settings);
    this.#average(teacherDecay(this.#averaged++, training.emaDecay));
    if (labelled) this.#learnMu(labelled, settings, losses);
    const [mu] = ops.toHost(this.#student.weights.parameter('mu').read());
    const { learningRate } = settings;
    return { ...stepLosses(ops, losses, training), learningRate, relationshipWeight: 1 - mu };
  }

  /** The student in the layout of a model container, with the class means that this site saw. */
  exportModel(): NamedTensors {
    return new Map([...this.#student.weights.toHost(), ...this.#priors.toTensors()]);
  }

  saveState(): TrainerState {
    const tensors = packTensors({
      student: this.#student.weights.toHost(),
      teacher: this.#teacher.weights.toHost(),
      velocity: this.#momentum.toHost(),
    });
    return { tensors, counters: { averaged: this.#averaged, random: this.#random.state, priors: this.#priors.state } };
  }

  restoreState({ tensors, counters }: TrainerState): void {
    const { averaged, random, priors } = trainerCounters(counters);
    this.#student.weights.assign(unpackTensors(tensors, 'student'));
    this.#teacher.weights.assign(unpackTensors(tensors, 'teacher'));
    this.#momentum.assign(unpackTensors(tensors, 'velocity'));
    this.#priors.restore(priors);
    this.#averaged = averaged;
    this.#random = Random.restore(random);
  }

  dispose(): void {
    this.#momentum.dispose();
    for (const term of this.#terms) term.dispose();
    this.#student.dispose();
    this.#teacher.dispose();
  }

  /** Pseudo-labels: the teacher's most probable class and its probability, with its own batch statistics. */
  #teach(patches: PreparedUnlabelled, rectified: boolean): Pick<PseudoLabelled, 'label' | 'confidence'> {
    const { ops, model } = this.options;
    const forwarded = this.#teacher.forward(imageTensor(ops, patches, model.channels), TEACHING);
    const { logits, representation, relationship } = forwarded;
    const [label, confidence] = ops.tidy(() => {
      const scores = rectified ? this.#teacher.rectify(logits, relationship) : logits;
      const logProbability = logSoftmaxOfPlanes(ops, toPlanes(ops, scores));
      const highest = ops.exp(ops.max(logProbability, [0]));
      return [ops.toHost(ops.argMax(logProbability, 0)) as Int32Array, ops.toHost(highest) as Float32Array];
    });
    ops.dispose(logits, relationship, ...(representation === null ? [] : [representation]));
    return { label, confidence };
  }

  /** Mean over features of the teacher's prototypes [C, R]. */
  #prototypeMeans(): Float32Array {
    const { ops } = this.options;
    return ops.tidy(() => {
      const prototypes = this.#teacher.weights.parameter('prototypes').read();
      return ops.toHost(ops.mean(prototypes, [2])) as Float32Array;
    });
  }

  /** The teacher's weights follow the student's; its batch-norm statistics are its own, and mu comes with `#learnMu`. */
  #average(decay: number): void {
    for (const { name, variable } of this.#teacher.weights.parameters()) {
      if (name !== 'mu') this.#follow(name, variable, decay);
    }
  }

  #follow(name: string, average: Parameters<Ops['applyAverage']>[0], decay: number): void {
    this.options.ops.applyAverage(average, this.#student.weights.parameter(name).read(), decay);
  }

  /** mu alone learns from the rectified logits of the student in evaluation mode; the teacher takes it as it is. */
  #learnMu(patches: LabelledPatches, settings: MomentumSettings, losses: LossTensors): void {
    const { ops, model } = this.options;
    const mu = this.#student.weights.parameter('mu');
    const { logits, relationship } = this.#student.forward(imageTensor(ops, patches, model.channels), EVALUATION);
    const { crossEntropy, dice, gradient } = ops.tidy(() => {
      const labels = labelPlanes(ops, patches.label, model.classes);
      const loss = segmentationLoss(ops, this.#student.rectify(logits, relationship), labels, 0.5);
      const product = ops.sum(ops.mul(loss.dLogits, relationship), [0, 1, 2, 3, 4]);
      return { crossEntropy: loss.crossEntropy, dice: loss.dice, gradient: ops.reshape(ops.mul(product, -1), [1]) };
    });
    ops.dispose(logits, relationship);
    losses.set('muCrossEntropy', crossEntropy);
    losses.set('muDice', dice);
    mu.addGradient(gradient);
    for (const term of this.#terms) term.addTo([mu]);
    this.#momentum.apply(settings, [mu]);
    this.#follow('mu', this.#teacher.weights.parameter('mu').variable, 0);
  }
}
