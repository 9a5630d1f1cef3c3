export { CrlnTrainer } from './crln-trainer.js';
export { Network } from './network.js';
export { predictRows, predictVolume, type InferenceOptions } from './inference.js';
