export * from './aggregate.js';
export * from './site-weights.js';
export * from './tensor-groups.js';
export * from './tensor-source.js';
export * from './windows.js';
export * from './aggregate-layout.js';
export * from './container-source.js';
