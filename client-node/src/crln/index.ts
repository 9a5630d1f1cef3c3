export { CrlnTrainer } from './crln-trainer.js';
export { nextCorrection, type TrainedRound } from './control-variates.js';
export { Network } from './network.js';
export { pathLength } from './schedules.js';
export { packTensors, unpackTensors } from './trainer-state.js';
export { predictRows, predictVolume, type InferenceOptions } from './inference.js';
