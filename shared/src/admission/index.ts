export * from './admit-container.js';
export * from './expected-tensor.js';
export * from './value-check.js';
export * from './value-range.js';
export * from './change-sketch.js';
export * from './exposure.js';
export * from './outliers.js';
