import type { ModelSettings } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import type { Case } from '../volumes/index.js';
import type { Workshop } from './workshop.js';

export interface Predictor {
  /** Class of every voxel of the case's grid. */
  segment(one: Case, signal: AbortSignal): Promise<Uint8Array>;
  dispose(): void;
}

export function openPredictor(_workshop: Workshop, _model: ModelSettings, _path: string): Promise<Predictor> {
  return Promise.reject(new NodeFailure('internal', 'prediction is not there yet'));
}
