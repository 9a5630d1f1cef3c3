export { CrlnTrainer, type Augmentation, type CrlnBatch, type CrlnTrainerOptions } from './crln-trainer.js';
export { Network } from './network.js';
export { predictRows, predictVolume, type InferenceOptions, type PredictedRows } from './inference.js';
export type { StepLosses } from './step-losses.js';
export type { LabelledPatches, PatchShape, PseudoLabelled, UnlabelledPatches } from './patches.js';
