import type { Parameter } from './weights.js';

/** What federated rules add to the gradients of a site's own loss, before the optimiser's step. */
export interface GradientTerm {
  /** Adds to the gradients of parameters that the loss has reached. */
  addTo(parameters: Iterable<Parameter>): void;
  dispose(): void;
}
